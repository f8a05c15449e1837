"""`/metrics`: what the server and its engines did, for Prometheus."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Final, Literal

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import multiprocess as of_workers
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpt4all_app.server.served_models import ServedModels
from gpt4all_core.engine.counters import Counters

_STATES = {"widest_batch": "Most requests in one batch", "threads": "Processor threads of the last step"}
"""The numbers of an engine that do not count up."""

_OF_WORKERS: Final[dict[str, Literal["max", "livemax"]]] = {"widest_batch": "max", "threads": "livemax"}
"""What all workers together have of these."""

_SECONDS = (0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300)


class Metrics:
    """The numbers of one server. Thread-safe, as prometheus_client's are.

    Workers of a server add theirs up in the files of prometheus_client's multiprocess mode, so that it does
    not matter which of them Prometheus reaches. What has a worker's engines counted comes in at the end of
    each of its requests.
    """

    def __init__(self, models: ServedModels) -> None:
        self._registry = CollectorRegistry()
        self._engines: _SharedEngineCounts | None = None
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            self._engines = _SharedEngineCounts(models, self._registry)
        else:
            self._registry.register(_EngineCollector(models))
        names = ["method", "path", "status"]
        self._requests = Counter(
            "gpt4all_http_requests", "Requests that were answered", names, registry=self._registry
        )
        self._seconds = Histogram(
            "gpt4all_http_request_seconds",
            "How long whole answers took",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._running = Gauge(
            "gpt4all_http_requests_running",
            "Requests now",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def text(self) -> bytes:
        """All of them in Prometheus' format."""
        if self._engines is None:
            return generate_latest(self._registry)
        self._engines.bring_up_to_date()
        together = CollectorRegistry()
        of_workers.MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # as it comes
        return generate_latest(together)

    def began(self) -> None:
        self._running.inc()

    def ended(self, method: str, path: str, status: int, seconds: float) -> None:
        """path: the address as the program knows it; a stranger's would be a new row each."""
        self._running.dec()
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)
        if self._engines is not None:
            self._engines.bring_up_to_date()


class _EngineCollector(Collector):
    """The counters of the engines that are open when they are asked for; opens none."""

    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        counters = dict(_open_engines(self._models))
        for field in fields(Counters):
            name, state = f"gpt4all_engine_{field.name}", _STATES.get(field.name)
            family = (
                CounterMetricFamily(name, f"{field.name} since the model was opened", labels=["model"])
                if state is None
                else GaugeMetricFamily(name, state, labels=["model"])
            )
            for model, numbers in counters.items():
                family.add_metric([model], getattr(numbers, field.name))
            yield family


class _SharedEngineCounts:
    """The same numbers, added to those of the other workers. Thread-safe."""

    def __init__(self, models: ServedModels, registry: CollectorRegistry) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], int] = {}
        self._counts: dict[str, Counter] = {}
        self._states: dict[str, Gauge] = {}
        for field in fields(Counters):
            name, state = f"gpt4all_engine_{field.name}", _STATES.get(field.name)
            if state is None:
                told = f"{field.name} since the server began"
                self._counts[field.name] = Counter(name, told, ["model"], registry=registry)
            else:
                mode = _OF_WORKERS[field.name]
                self._states[field.name] = Gauge(
                    name, state, ["model"], registry=registry, multiprocess_mode=mode
                )

    def bring_up_to_date(self) -> None:
        with self._lock:
            for model, numbers in _open_engines(self._models):
                for name, gauge in self._states.items():
                    gauge.labels(model).set(getattr(numbers, name))
                for name, counter in self._counts.items():
                    now, before = getattr(numbers, name), self._known.get((model, name), 0)
                    # An engine that was opened anew begins at none.
                    counter.labels(model).inc(now - before if now >= before else now)
                    self._known[model, name] = now


def _open_engines(models: ServedModels) -> Iterator[tuple[str, Counters]]:
    for name, model in models.made().items():
        if getattr(model, "is_open", False) and isinstance(
            found := getattr(model, "counters", None), Counters
        ):
            yield name, found


class CountRequests:
    """Middleware that counts requests by the address that answered them."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 499  # nobody was left to be answered
        started = time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.began()
        try:
            await self._app(scope, receive, noting)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.ended(_method(scope["method"]), path, status, time.monotonic() - started)


def _method(method: str) -> str:
    return method if method in ("GET", "POST", "DELETE", "OPTIONS", "HEAD") else "other"


def metrics_router(metrics: Metrics) -> APIRouter:
    """The address that Prometheus reads."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def read_metrics() -> Response:
        """The numbers of the server and of the engines that are open."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
