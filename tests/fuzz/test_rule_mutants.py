"""No damaged schema, regular expression, list of choices or grammar ends the process or takes long."""

import json
import os
import random
from collections import Counter

from schema_cases import ACCEPTED
from schema_walks import material
from survivors import Death, fates
from text_mutants import cut, mutate_schema

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "60"))
SEED = os.environ.get("FUZZ_SEED", "0")

REGEXES = (
    r"\d{3}-\d{4}",
    r"(yes|no|maybe)( indeed)?[.!]{1,3}",
    r"[A-Z][a-zé]+(?: [A-Z][a-z]*){0,3}\n?",
    r"(?i:https?)://[^\s/]+(/[^\s]*)?",
    r"((a|b)*c){2,5}|x\/y\\z",
    r"\p{Greek}+[^\x00-\x7f]{2}",
    r"^(?:[01]\d|2[0-3]):[0-5]\d$",
)
GRAMMARS = (
    'start: greeting " " NAME "!"\ngreeting: "hello" | "good " ("day" | "night")\nNAME: /[A-Z][a-z]+/\n',
    'start: sum\nsum: term | sum "+" term\nterm: NUMBER | "(" sum ")"\nNUMBER: /[0-9]+/\n%ignore / +/\n',
    'start: item ("," item)*\nitem[lazy]: /.*;/\n',
    'start: %json {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}\n',
    'start: TEXT | (pre "{" /[a-z]{1,9}/ "}")+ TEXT?\npre[lazy]: /.*<call>/\nTEXT: /.+/ & ~/.*<call>.*/\n',
    'start: thought "</think>" /.*/\nthought[max_tokens=9]: /(?s:.)*/\n',
)
CHOICES = (
    ("yes", "no"),
    ("Paris", "Paris, France", "Rome\n", "東京"),
    tuple(f"choice {n}" for n in range(300)),
)


def drawn(chance):
    """A rule that is a little wrong, or still right."""
    kind = chance.choice(("schema", "schema", "schema", "regex", "lark", "choices"))
    if kind == "schema":
        return kind, mutate_schema(chance.choice(SCHEMAS), chance)
    if kind == "choices":
        return kind, [cut(choice, chance) for choice in chance.choice(CHOICES)]
    return kind, cut(chance.choice(REGEXES if kind == "regex" else GRAMMARS), chance)


SCHEMAS = [*ACCEPTED.values(), *(entry["schema"] for entry in material())]


def test_no_mutant_of_a_rule_ends_the_process_or_takes_long(tmp_path):
    paths = []
    for number in range(MUTANTS):
        path = tmp_path / f"{SEED}-{number}.json"
        path.write_text(json.dumps(drawn(random.Random(path.stem))))
        paths.append(path)
    found = list(fates(paths, mode="rule"))
    assert len(found) == MUTANTS
    assert not [fate for fate in found if isinstance(fate, Death)]
    outcomes = Counter(fate.outcome.partition(":")[0] for fate in found)
    assert outcomes.keys() <= {
        "UnsupportedSchema",
        "ConfigError",
        "OutputError",
        *(f"{kind}, {end}" for kind in ("schema", "regex", "lark", "choices") for end in ("whole", "long")),
    }, outcomes
    assert sum(count for outcome, count in outcomes.items() if "," in outcome) > MUTANTS // 20
