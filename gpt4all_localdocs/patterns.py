"""Which names below a folder are indexed: patterns as in a .gitignore, given by name or found in files."""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from gpt4all_core.errors import ConfigError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

LEFT_OUT: Final = "left out"
"""How the reason begins of a file that somebody did not want in the index."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """The patterns that were found in one file, or given by name, and the folder they count from."""

    source: str
    folder: str
    lines: tuple[str, ...]
    spec: "GitIgnoreSpec"

    @classmethod
    def of(cls, source: str, folder: str, lines: Sequence[str]) -> Self:
        return cls(source, folder, tuple(lines), compile_patterns(lines, source=source))

    def decide(self, path: str, *, is_folder: bool) -> tuple[bool | None, str]:
        """Whether the last pattern that matches leaves it out, None where none does; and that pattern."""
        below = path[len(self.folder) :].replace(os.sep, "/").lstrip("/")
        found = self.spec.check_file(f"{below}/" if is_folder else below)
        if found.index is None:
            return None, ""
        return found.include, str(getattr(self.spec.patterns[found.index], "pattern", ""))


@dataclass(frozen=True, slots=True)
class PathRules:
    """What is left out of one directory; `enter` gives the rules of a directory inside.

    Git's rules (gitignore(5)) hold: the last pattern that matches decides, `!` takes back, the file that
    is nearest to a name goes before those above it, and nothing is looked for below a directory that is
    left out. `exclude` cannot be taken back by a file; `include` speaks of files alone.
    """

    hidden_files: bool = False
    ignore_files: tuple[str, ...] = ()
    _include: _Layer | None = None
    _exclude: _Layer | None = None
    _layers: tuple[_Layer, ...] = ()

    @classmethod
    def of(
        cls,
        folder: str,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        ignore_files: Sequence[str] = (),
        hidden_files: bool = False,
    ) -> Self:
        """The rules of a folder that is to be indexed; its own ignore files are not read yet."""
        return cls(
            hidden_files,
            tuple(ignore_files),
            _Layer.of("include", folder, include) if include else None,
            _Layer.of("exclude", folder, exclude) if exclude else None,
        )

    def enter(self, folder: str, names: Collection[str]) -> "PathRules":
        """The rules inside `folder`, which holds these names.

        Raises OSError or ConfigError for an ignore file that cannot be read: what it would leave out is not
        known then.
        """
        if not any(name in names for name in self.ignore_files):
            return self
        found = [os.path.join(folder, name) for name in self.ignore_files if name in names]  # noqa: PTH118 - a walk works with text
        layers = [_Layer.of(file, folder, _lines(Path(file))) for file in found]
        return PathRules(
            self.hidden_files, self.ignore_files, self._include, self._exclude, (*self._layers, *layers)
        )

    @property
    def has_patterns(self) -> bool:
        return bool(self._layers or self._include or self._exclude)

    @property
    def identity(self) -> str:
        """The same for rules that leave out the same names; empty without patterns."""
        layers = (self._include, self._exclude, *self._layers)
        return (
            repr([(one.source, one.folder, one.lines) for one in layers if one]) if self.has_patterns else ""
        )

    def why_left_out(self, path: str, *, is_folder: bool) -> str:
        """The pattern that leaves a name out, and where it stands; empty for one that is let in."""
        for layer in reversed(self._layers):
            is_out, pattern = layer.decide(path, is_folder=is_folder)
            if is_out:
                return f"{LEFT_OUT} by {pattern!r} of {layer.source}"
            if is_out is False:
                break
        if self._exclude is not None:
            is_out, pattern = self._exclude.decide(path, is_folder=is_folder)
            if is_out:
                return f"{LEFT_OUT} by {pattern!r} of exclude"
        if self._include is not None and not is_folder and not self._include.decide(path, is_folder=False)[0]:
            return f"{LEFT_OUT}: no pattern of include fits"
        return ""


def compile_patterns(lines: Sequence[str], *, source: str) -> "GitIgnoreSpec":
    """Patterns as in a .gitignore, one a line. Raises ConfigError that names `source` and the pattern."""
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - only for who has patterns

    try:
        return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error) as error:
        wrong = next((line for line in lines if not _is_pattern(line)), "")
        raise ConfigError(
            f"{wrong!r} of {source} is no pattern ({error}); write it as in a .gitignore"
        ) from error


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - as above

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _lines(file: Path) -> list[str]:
    return os.fsdecode(file.read_bytes().removeprefix(b"\xef\xbb\xbf")).splitlines()
