"""Random answers under every published schema, checked by the library: `make schemas` prints the table.

For each schema: whether it is enforced, or which keyword is refused; answers drawn with every taste and
seed, at budgets from the shortest answer on; and how many of the published instances, written as our
grammars write them, the grammar takes. Ends with status 1 if any answer was invalid.
"""

import argparse
import itertools
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from schema_walks import MATERIAL, Walker, as_written, material, validator_for

from gpt4all_core import resolve_model
from gpt4all_core.constrain.json_schema import schema_grammar
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import UnsupportedSchema

SPARE_TOKENS = (0, 1, 2, 5, 20, 60, 400)


@dataclass
class Counts:
    """What came of one collection of schemas."""

    schemas: int = 0
    refused: Counter = field(default_factory=Counter)
    answers: int = 0
    cut: int = 0
    invalid: list = field(default_factory=list)
    valid_taken: Counter = field(default_factory=Counter)
    invalid_taken: list = field(default_factory=list)
    compile_s: list = field(default_factory=list)
    search_s: list = field(default_factory=list)
    within_s: list = field(default_factory=list)


def count(walker, row, counts, *, seeds):
    counts.schemas += 1
    began_s = time.perf_counter()
    try:
        grammar = schema_grammar(row["schema"])
        constraint = walker.constraint(grammar)
    except UnsupportedSchema as error:
        counts.refused[refused_keyword(str(error))] += 1
        return
    counts.compile_s.append(time.perf_counter() - began_s)
    began_s = time.perf_counter()
    shortest = constraint.shortest
    counts.search_s.append(time.perf_counter() - began_s)
    validator = validator_for(row["schema"])
    for taste, seed in itertools.product(walker.tastes, range(seeds)):
        budget = len(shortest) + SPARE_TOKENS[(seed + counts.schemas) % len(SPARE_TOKENS)]
        walk = walker.walk(constraint, max_tokens=budget, taste=taste, seed=seed)
        counts.answers += 1
        counts.cut += walk.is_cut
        counts.within_s.append(walk.slowest_s)
        fault = fault_of(walk, validator)
        if fault:
            counts.invalid.append((row["name"], taste, seed, budget, fault, walk.text[:200]))
    count_instances(walker, row, counts, constraint, validator)


def fault_of(walk, validator):
    if not walk.is_complete:
        return "unfinished"
    try:
        value = json.loads(walk.text)
    except ValueError as error:
        return f"no JSON: {error}"
    error = next(iter(validator.iter_errors(value)), None)
    return error and error.message[:200]


def count_instances(walker, row, counts, constraint, validator):
    """Published instances: the valid ones in the order of properties that the schema has, if that is all."""
    try:
        opened = walker.constraint(schema_grammar(row["schema"], is_open=True))
    except UnsupportedSchema:  # open objects leave more to be enforced
        opened = constraint
    for instance in row["tests"]:
        if instance["valid"] and validator.is_valid(instance["data"]):
            ordered = in_order(instance["data"], row["schema"], row["schema"])
            counts.valid_taken["all"] += 1
            counts.valid_taken["closed"] += walker.accepts(constraint, as_written(ordered))
            counts.valid_taken["open"] += walker.accepts(opened, as_written(ordered))
        elif not instance["valid"] and not validator.is_valid(instance["data"]):
            counts.valid_taken["invalid"] += 1
            if walker.accepts(opened, as_written(instance["data"])):
                counts.invalid_taken.append((row["name"], as_written(instance["data"])[:200]))


def in_order(value, schema, root):
    """The value with its properties as the schema lists them, the others behind."""
    schema = resolved(schema, root)
    if isinstance(value, list):
        items = schema.get("items", {})
        return [
            in_order(item, items[at] if isinstance(items, list) and at < len(items) else items, root)
            for at, item in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    listed = properties_of(schema, root)
    rest = schema.get("additionalProperties", {})
    names = [name for name in listed if name in value] + [name for name in value if name not in listed]
    return {name: in_order(value[name], listed.get(name, rest), root) for name in names}


def properties_of(schema, root):
    listed = dict(schema.get("properties", {}))
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            for name, inner in properties_of(resolved(part, root), root).items():
                listed.setdefault(name, inner)
    for name in schema.get("required", ()):
        listed.setdefault(name, {})
    return listed


def resolved(schema, root):
    for _ in range(20):
        if not isinstance(schema, dict) or not str(schema.get("$ref", "")).startswith("#"):
            break
        found = root
        for part in schema["$ref"].split("/")[1:]:
            found = found[part.replace("~1", "/").replace("~0", "~")]
        schema = found
    return schema if isinstance(schema, dict) else {}


def refused_keyword(message):
    named = re.match(r"`(.*?)` at ", message)
    if named:
        return named[1]
    known = {
        "circular references": "$ref",
        "Unsatisfiable": "nothing is valid",
        "not disjoint": "patternProperties",
    }
    return next((keyword for words, keyword in known.items() if words in message), message[:60])


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--every", type=int, default=1, help="only one schema in so many")
    options = arguments.parse_args()
    rows = list(material())[:: options.every]
    if not rows:
        print(f"no *.jsonl.gz in {MATERIAL}; JSON_SCHEMAS names the folder", file=sys.stderr)
        return 2
    walker = Walker(LlamaWeights(resolve_model("smollm2-135m-instruct")))
    collections = {}
    for row in rows:
        counts = collections.setdefault(re.split(r"---|_\D", row["name"])[0], Counts())
        count(walker, row, counts, seeds=options.seeds)
    report(collections)
    return 1 if any(counts.invalid or counts.invalid_taken for counts in collections.values()) else 0


def report(collections):
    header = (
        "schemas enforced answers ended_early invalid instances taken_closed taken_open wrong taken_wrong"
    )
    print("collection", *header.split(), "refused", sep="\t")
    for name, counts in collections.items():
        taken = counts.valid_taken
        print(
            name,
            counts.schemas,
            counts.schemas - counts.refused.total(),
            counts.answers,
            counts.cut,
            len(counts.invalid),
            *(taken[key] for key in ("all", "closed", "open", "invalid")),
            len(counts.invalid_taken),
            ", ".join(f"{keyword} {number}" for keyword, number in counts.refused.most_common()),
            sep="\t",
        )
    for what in ("compile_s", "search_s", "within_s"):
        times = sorted(t for counts in collections.values() for t in getattr(counts, what))
        middle, most = times[len(times) // 2], times[int(len(times) * 0.99)]
        most_ms = f"99 % within {most * 1e3:.1f} ms, at most {times[-1] * 1e3:.0f} ms"
        print(f"{what}: median {middle * 1e3:.2f} ms, {most_ms}")
    for counts in collections.values():
        for fault in (*counts.invalid, *counts.invalid_taken):
            print(*fault, sep="\t")


if __name__ == "__main__":
    sys.exit(main())
