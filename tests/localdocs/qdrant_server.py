"""The part of Qdrant's REST that an index needs, over Qdrant's own engine, on disk, in a process of its own.

    python qdrant_server.py DIRECTORY [--port N] [--key KEY]

Writes its port and serves on the loopback address until its standard input ends. Bodies are read by the
models that qdrant-client generates from Qdrant's OpenAPI document, and refused where that document or the
server's own checks refuse them (minimums, dimensions, names of vectors, indices that are not unique), with
the same statuses. What it does not have: a cluster, background optimisers, filters.
"""

import argparse
import json
import os
import shutil
import sys
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import qdrant_edge as edge
from pydantic import ValidationError
from qdrant_client.http import models

VERSION = "1.20.0"
MOST_BYTES = 32 * 2**20


class RefusedError(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Collections:
    """Every collection of a directory, each a shard of the engine; one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._shards = {path.name: edge.EdgeShard.load(str(path)) for path in directory.iterdir()}
        self._params: dict[str, Any] = {}

    def names(self) -> list[str]:
        return sorted(self._shards)

    def create(self, name: str, asked: models.CreateCollection) -> bool:
        for least, value in (
            (asked.shard_number, "shard_number"),
            (asked.replication_factor, "replication_factor"),
        ):
            refuse_unless(least is None or least >= 1, 422, f"{value}: must be 1 or larger")
        config = edge.EdgeConfig(vectors=dense_config(asked.vectors), sparse_vectors=sparse_config(asked))
        with self._lock:
            refuse_unless(name not in self._shards, 409, f"Wrong input: Collection `{name}` already exists!")
            self._shards[name] = edge.EdgeShard.create(str(self._directory / name), config)
            self._params[name] = asked.model_dump(mode="json", exclude_none=True)
        return True

    def info(self, name: str) -> dict[str, Any]:
        params = self._params.get(name)
        refuse_unless(params is not None, 404, f"Not found: Collection `{name}` doesn't exist!")
        return {"status": "green", "config": {"params": params}}

    def drop(self, name: str) -> bool:
        with self._lock:
            shard = self._shards.pop(name, None)
            if shard is not None:
                shard.close()
                shutil.rmtree(self._directory / name)
        return shard is not None

    def with_shard(self, name: str, use: Callable[[edge.EdgeShard], Any]) -> Any:
        with self._lock:
            refuse_unless(name in self._shards, 404, f"Not found: Collection `{name}` doesn't exist!")
            try:
                return use(self._shards[name])
            except RefusedError:
                raise
            except Exception as error:
                raise RefusedError(400, f"Wrong input: {error}") from error


def dense_config(asked: Any) -> Any:
    if not asked:
        return None
    refuse_unless(isinstance(asked, models.VectorParams), 501, "one vector a point is all that is here")
    refuse_unless(1 <= asked.size <= 65536, 422, "vectors.size: must be from 1 to 65536")
    return edge.EdgeVectorParams(
        size=asked.size, distance=getattr(edge.Distance, asked.distance.value), on_disk=asked.on_disk
    )


def sparse_config(asked: models.CreateCollection) -> Any:
    return {
        name: edge.EdgeSparseVectorParams(
            modifier=edge.Modifier.Idf if each.modifier == models.Modifier.IDF else None,
            on_disk=each.index and each.index.on_disk,
        )
        for name, each in (asked.sparse_vectors or {}).items()
    } or None


def points_of(body: dict[str, Any]) -> list[Any]:
    if "points" in body:
        return [(p.id, p.vector, p.payload) for p in read(models.PointsList, body).points]
    batch = read(models.PointsBatch, body).batch
    if isinstance(batch.vectors, dict):
        vectors: list[Any] = [
            dict(zip(batch.vectors, row, strict=True)) for row in zip(*batch.vectors.values(), strict=True)
        ]
    else:
        vectors = batch.vectors
    payloads = batch.payloads or [None] * len(batch.ids)
    refuse_unless(len(batch.ids) == len(vectors) == len(payloads), 422, "batch: lengths differ")
    return list(zip(batch.ids, vectors, payloads, strict=True))


def vector_of(vector: Any) -> Any:
    if isinstance(vector, models.SparseVector):
        refuse_unless(
            len(vector.indices) == len(vector.values), 422, "values: must be the same length as indices"
        )
        refuse_unless(len(set(vector.indices)) == len(vector.indices), 422, "indices: must be unique")
        refuse_unless(all(0 <= i < 2**32 for i in vector.indices), 400, "Format error: not a u32")
        return edge.SparseVector(vector.indices, vector.values)
    if isinstance(vector, dict):
        return {name: vector_of(each) for name, each in vector.items()}
    refuse_unless(isinstance(vector, list), 400, "Format error: no vector")
    return vector


def point_id(id_: int | str | uuid.UUID) -> int | uuid.UUID:
    if isinstance(id_, int):
        refuse_unless(0 <= id_ < 2**64, 400, f"Format error: {id_} is no u64")
        return id_
    try:
        return uuid.UUID(str(id_))
    except ValueError as error:
        raise RefusedError(400, f"Format error: value {id_} is not a valid point ID") from error


def upsert(shard: edge.EdgeShard, body: dict[str, Any]) -> Any:
    points = [
        edge.Point(point_id(id_), vector_of(vector), payload) for id_, vector, payload in points_of(body)
    ]
    refuse_unless(bool(points), 422, "points: must not be empty")
    shard.update(edge.UpdateOperation.upsert_points(points))
    return {"operation_id": 0, "status": "completed"}


def delete(shard: edge.EdgeShard, body: dict[str, Any]) -> Any:
    ids = [point_id(id_) for id_ in read(models.PointIdsList, body).points]
    shard.update(edge.UpdateOperation.delete_points(ids))
    return {"operation_id": 0, "status": "completed"}


def query(shard: edge.EdgeShard, body: dict[str, Any]) -> Any:
    asked = read(models.QueryRequest, body)
    limit = 10 if asked.limit is None else asked.limit
    refuse_unless(limit >= 1, 422, "limit: value 0 invalid, must be 1 or larger")
    refuse_unless(asked.filter is None and asked.prefetch is None, 501, "no filters here")
    nearest = asked.query.nearest if isinstance(asked.query, models.NearestQuery) else asked.query
    params = asked.params and edge.SearchParams(hnsw_ef=asked.params.hnsw_ef, exact=bool(asked.params.exact))
    found = shard.query(
        edge.QueryRequest(
            limit=limit,
            query=edge.Query.Nearest(vector_of(nearest), using=asked.using),
            params=params or None,
            with_payload=bool(asked.with_payload),
        )
    )
    return {"points": [{"version": p.version, "score": p.score, **shown(p)} for p in found]}


def scroll(shard: edge.EdgeShard, body: dict[str, Any]) -> Any:
    asked = read(models.ScrollRequest, body)
    limit = 10 if asked.limit is None else asked.limit
    refuse_unless(limit >= 1, 422, "limit: value 0 invalid, must be 1 or larger")
    offset = None if asked.offset is None else point_id(asked.offset)
    points, next_offset = shard.scroll(
        edge.ScrollRequest(limit=limit, offset=offset, with_payload=bool(asked.with_payload))
    )
    return {"points": [shown(p) for p in points], "next_page_offset": as_json(next_offset)}


def count(shard: edge.EdgeShard, body: dict[str, Any]) -> Any:
    return {"count": shard.count(edge.CountRequest(exact=read(models.CountRequest, body).exact is not False))}


def retrieve(shard: edge.EdgeShard, body: dict[str, Any]) -> Any:
    asked = read(models.PointRequest, body)
    found = shard.retrieve(
        [point_id(id_) for id_ in asked.ids], bool(asked.with_payload), bool(asked.with_vector)
    )
    return [shown(point) for point in found]


def shown(point: Any) -> dict[str, Any]:
    vector = getattr(point, "vector", None)
    return {
        "id": as_json(point.id),
        "payload": point.payload or None,
        **({"vector": as_json(vector)} if vector else {}),
    }


def as_json(value: Any) -> Any:
    if isinstance(value, edge.SparseVector):
        return {"indices": value.indices, "values": value.values}
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    return str(value) if isinstance(value, uuid.UUID) else value


def read(model: Any, body: dict[str, Any]) -> Any:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise RefusedError(400, f"Format error in JSON body: {error.errors()[0]['msg']}") from error


def refuse_unless(is_fine: bool, status: int, reason: str) -> None:
    if not is_fine:
        raise RefusedError(status, reason)


POINTS: dict[tuple[str, str], Callable[[edge.EdgeShard, dict[str, Any]], Any]] = {
    ("PUT", ""): upsert,
    ("POST", ""): retrieve,
    ("POST", "delete"): delete,
    ("POST", "query"): query,
    ("POST", "scroll"): scroll,
    ("POST", "count"): count,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collections: Collections
    key: str | None

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        try:
            refuse_unless(
                self.key is None or self.headers.get("api-key") == self.key, 401, "Must provide an API key"
            )
            refuse_unless(size <= MOST_BYTES, 413, "Payload Too Large")
            answer, status = self.routed(json.loads(body) if body else {}), 200
        except RefusedError as error:
            answer, status = {"status": {"error": str(error)}, "time": 0.0}, error.status
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    def routed(self, body: dict[str, Any]) -> Any:
        url = urlsplit(self.path)
        check_query(url.query)
        place, known = url.path.strip("/"), self.collections
        if not place:
            return {"title": "qdrant - vector search engine", "version": VERSION}
        match (self.command, *place.split("/")):
            case ("GET", "collections"):
                result: Any = {"collections": [{"name": name} for name in known.names()]}
            case ("GET", "collections", name, "exists"):
                result = {"exists": name in known.names()}
            case ("GET", "collections", name):
                result = known.info(name)
            case ("PUT", "collections", name):
                result = known.create(name, read(models.CreateCollection, body))
            case ("DELETE", "collections", name):
                result = known.drop(name)
            case (method, "collections", name, "points", *action) if (method, "/".join(action)) in POINTS:
                use = POINTS[method, "/".join(action)]
                result = known.with_shard(name, lambda shard: use(shard, body))
            case _:
                raise RefusedError(404, "")
        return {"result": result, "status": "ok", "time": 0.0}

    def log_message(self, *arguments: object) -> None:
        """Nothing: who asked what is no news."""


def check_query(query: str) -> None:
    known = {"wait": {"true", "false"}, "ordering": {"weak", "medium", "strong"}}
    for name, (value, *_) in parse_qs(query).items():
        is_fine = value in known[name] if name in known else name == "timeout" and int(value) >= 1
        refuse_unless(is_fine, 400, f"Query deserialize error: {name}={value}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    served = {"collections": Collections(options.directory), "key": options.key}
    handler = type("Served", (Handler,), served)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # the end of whoever started this is its end
    os._exit(0)


if __name__ == "__main__":
    main()
