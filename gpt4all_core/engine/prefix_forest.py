"""A prefix tree for each set of adapters: cells fit only what was computed with the same ones."""

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from gpt4all_core.engine.prefix_tree import Match, PrefixTree

K = TypeVar("K", bound=Hashable)

_NO_MATCH: Match[Any] = Match(0, frozenset())


class PrefixForest(Generic[K]):
    """Token sequences by key, each of one set of adapters, "" for none. Not thread-safe.

    A key that begins again, by `set` or after `remove`, may do so with other adapters.
    """

    def __init__(self) -> None:
        self._trees: dict[str, PrefixTree[K]] = {}
        self._places: dict[K, str] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: K) -> bool:
        return key in self._places

    def set(self, key: K, tokens: list[int], *, adapters: str = "") -> None:
        """Remember this sequence under this key, in place of what it had."""
        self.remove(key)
        self.extend(key, tokens, adapters=adapters)

    def extend(self, key: K, tokens: list[int], *, adapters: str = "") -> None:
        """Let the sequence of this key, which may be new, go on with these tokens."""
        if self._places.setdefault(key, adapters) != adapters:
            raise AssertionError(f"{key!r} goes on with other adapters than it began with")
        self._trees.setdefault(adapters, PrefixTree()).extend(key, tokens)

    def cut(self, key: K, length: int) -> None:
        """Take so many tokens off the end of the sequence of this key, which stays longer than that."""
        self._trees[self._places[key]].cut(key, length)

    def remove(self, key: K) -> None:
        """Forget the sequence of this key, if there is one."""
        adapters = self._places.pop(key, None)
        if adapters is not None:
            self._trees[adapters].remove(key)
            if not len(self._trees[adapters]):
                del self._trees[adapters]

    def adapters_of(self, key: K) -> str:
        """What the sequence of this key was computed with."""
        return self._places[key]

    def tokens_of(self, key: K) -> list[int]:
        """The sequence of this key."""
        return self._trees[self._places[key]].tokens_of(key)

    def longest(self, tokens: list[int], *, adapters: str = "") -> Match[K]:
        """The longest beginning that a prompt shares with anyone of these adapters, and all who share it."""
        tree = self._trees.get(adapters)
        return tree.longest(tokens) if tree is not None else _NO_MATCH

    def longest_whole(self, tokens: list[int], *, adapters: str = "") -> Match[K]:
        """The longest sequence of these adapters that the prompt begins with as a whole."""
        tree = self._trees.get(adapters)
        return tree.longest_whole(tokens) if tree is not None else _NO_MATCH

    def check_integrity(self) -> None:
        """Raise AssertionError if the trees are not what they should be; for tests."""
        for adapters, tree in self._trees.items():
            tree.check_integrity()
            if not len(tree) or any(tree_key not in tree for tree_key in self._keys_of(adapters)):
                raise AssertionError(f"the tree of {adapters!r} and its keys differ")
        if len(self) != sum(len(tree) for tree in self._trees.values()):
            raise AssertionError("keys are in several trees, or in none")

    def _keys_of(self, adapters: str) -> list[K]:
        return [key for key, place in self._places.items() if place == adapters]
