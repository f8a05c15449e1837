"""What is installed: Python, the packages that are needed, and the extras."""

import platform
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from gpt4all_app.checkup.finding import Finding

DISTRIBUTION = "gpt4all-adapters"

_NOT_OFFERED = {"all", "dev"}
"""The first only names others, the second is for those who work on the project."""


def findings() -> Iterator[Finding]:
    """Of this process's environment."""
    system = f"Python {platform.python_version()}, {platform.system()} on {platform.machine()}"
    yield Finding(DISTRIBUTION, "ok", f"{version(DISTRIBUTION)}, {system}")
    yield from judge(requires(DISTRIBUTION) or ())
    yield _sqlite()
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        text = f"standard output is {sys.stdout.encoding}: letters that it lacks are shown as codes"
        yield Finding("terminal", "advice", text, "export PYTHONUTF8=1")


def judge(requirements: Iterable[str]) -> Iterator[Finding]:
    """What of these requirements, as a package's metadata have them, is here in a fitting version."""
    needed, by_extra = [], defaultdict(list)
    for requirement in map(Requirement, requirements):
        extra = _extra(requirement)
        if extra is None and _applies(requirement, extra=""):
            needed.append(requirement)
        elif extra not in _NOT_OFFERED and _applies(requirement, extra=extra or ""):
            by_extra[extra].append(requirement)
    faults = [(requirement, fault) for requirement in needed if (fault := _fault(requirement))]
    for requirement, fault in faults:
        remedy = f"pip install --upgrade '{requirement.name}{requirement.specifier}'"
        yield Finding("packages", "problem", f"{requirement.name} {fault}", remedy)
    if not faults:
        yield Finding("packages", "ok", f"all {len(needed)} that are needed")
    for extra, wanted in sorted(by_extra.items()):
        yield _of_extra(str(extra), wanted)


def _of_extra(extra: str, wanted: list[Requirement]) -> Finding:
    about, remedy = f"extra {extra}", f"pip install '{DISTRIBUTION}[{extra}]'"
    missing = [requirement.name for requirement in wanted if _version(requirement) is None]
    if missing:
        return Finding(about, "ok", f"not installed ({', '.join(missing)})", remedy)
    faults = [f"{requirement.name} {fault}" for requirement in wanted if (fault := _fault(requirement))]
    if faults:
        return Finding(about, "advice", "; ".join(faults), remedy)
    return Finding(about, "ok", ", ".join(f"{one.name} {_version(one)}" for one in wanted))


def _extra(requirement: Requirement) -> str | None:
    """The extra that asks for it; None for what is always needed."""
    _, has_extra, rest = str(requirement.marker or "").partition("extra == ")
    return rest.strip("\"'() ").split('"')[0] if has_extra else None


def _applies(requirement: Requirement, *, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _fault(requirement: Requirement) -> str:
    found = _version(requirement)
    if found is None:
        return "is not installed"
    if not requirement.specifier.contains(found, prereleases=True):
        return f"is {found}, wanted is {requirement.specifier}"
    return ""


def _version(requirement: Requirement) -> str | None:
    try:
        return version(requirement.name)
    except PackageNotFoundError:
        return None


def _sqlite() -> Finding:
    text = f"SQLite {sqlite3.sqlite_version}"
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute("CREATE VIRTUAL TABLE found USING fts5(text)")
    except sqlite3.OperationalError as error:
        text += f" cannot search for words ({error}): use a Python whose SQLite has FTS5"
        return Finding("documents", "problem", text)
    return Finding("documents", "ok", f"{text} with full-text search")
