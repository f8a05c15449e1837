"""Kill vector servers in the middle of syncs, and see that the next sync ends as a fresh index would.

    python tests/localdocs/soak_stores.py --store chroma --runs 40

Each run changes a folder at random, kills the server with SIGKILL at a step of the sync that is drawn by
chance, or a little after it, and starts it again: with its data, or in a third of the runs with none. Every
fourth run kills the process that syncs as well. Searches must find everything at any time.
"""

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from chroma_process import ChromaProcess
from qdrant_process import QdrantProcess
from workbench import Workbench

from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.vector_index import served
from gpt4all_localdocs.vector_index.registry import choose_place
from gpt4all_localdocs.vector_index.search_index import SearchIndex

STORES = {"chroma": ChromaProcess, "qdrant": QdrantProcess}
PHASES = ("load", "embed", "index")


def change(bench: Workbench, chance: random.Random) -> None:
    for _ in range(chance.randrange(4, 40)):
        path = bench.docs / f"{chance.randrange(120)}.txt"
        if path.exists() and chance.random() < 0.3:
            path.unlink()
        else:
            words = " ".join(f"word{chance.randrange(3000)}" for _ in range(6))
            bench.write(path.name, f"alpha {words}\n\nbeta {words[::-1]}")


def sync_in_a_child(bench: Workbench) -> multiprocessing.Process:
    child = multiprocessing.get_context("fork").Process(target=bench.sync, daemon=True)
    child.start()
    return child


def find_difference(bench: Workbench) -> str:
    """How the server differs from the store, and searches through it from exact ones; else nothing."""
    place = choose_place(bench.options.vector_index, None)
    assert not isinstance(place, str)
    with Store.open(bench.index) as store:
        generation, keys = store.vectors.generation, set(store.vectors.keys())
        if store.vectors.count_pending():
            return "something is pending"
        if generation is None:
            return "" if not keys else "nothing is published"
        opened = place.open(generation.collection)
        found = set() if opened is None else opened.ids()
        place.close()
        if found != keys:
            return f"{len(found - keys)} vectors too many, {len(keys - found)} too few"
        exact = replace(bench.options, vector_index="exact")
        with SearchIndex(store, bench.options) as there, SearchIndex(store, exact) as here:
            for word in ("word7", "alpha word70", "beta"):
                query = bench.embedder.embed_query(word)
                cosines = [
                    [round(cosine, 3) for _, cosine in index.query(query, 10)] for index in (there, here)
                ]
                if cosines[0] != cosines[1] or there.fallback_reason:
                    return f"{word!r} finds {cosines[0]}, not {cosines[1]}; {there.fallback_reason}"
    return ""


def run(bench: Workbench, server: ChromaProcess | QdrantProcess, chance: random.Random) -> str:
    change(bench, chance)
    forgets, phase = chance.random() < 1 / 3, chance.choice(PHASES)
    step, delay_s, is_double = chance.randrange(12), chance.random() * 0.05, chance.random() < 1 / 4
    steps = Counter[str]()

    def end() -> None:
        server.forget() if forgets else server.kill()

    def note(progress: SyncProgress) -> None:
        steps[progress.phase] += 1
        if progress.phase == phase and steps[phase] == step:
            threading.Timer(delay_s, end).start()

    if is_double:
        child = sync_in_a_child(bench)
        time.sleep(chance.random() * 2)
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        end()
    else:
        behind = bench.sync(on_progress=note).behind
        time.sleep(0.1)
        end()
    assert bench.search("alpha", mode="vector")
    server.start()
    rebuilt = bench.sync().rebuilt
    fault = find_difference(bench)
    how = f"{'both' if is_double else phase} {'forgot' if forgets else 'kept'}"
    if fault:
        raise SystemExit(f"after a kill ({how}): {fault}; the index stays at {bench.index}")
    return f"{how}{', behind' if not is_double and behind else ''}{', filled anew' if rebuilt else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--store", choices=STORES, default="chroma")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    served._PAGE = 8
    with tempfile.TemporaryDirectory() as work:
        server = STORES[options.store](Path(work) / "data")
        try:
            bench = Workbench(Path(work))
            bench.options = replace(bench.options, vector_index=server.address)
            seen = Counter(run(bench, server, chance) for _ in range(options.runs))
        finally:
            server.close()
    for what, count in sorted(seen.items()):
        print(f"{count:5}  {what}")
    print(f"{options.runs} kills of a {options.store} server; each next sync ended as a fresh index would")


if __name__ == "__main__":
    main()
