"""A radix tree over token ids: which of the remembered sequences begins like this prompt?

Sequences that begin alike share their path from the root; an edge holds a run of tokens. A prompt
may part from them in the middle of an edge: the tokens up to there still count.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(eq=False, slots=True)
class _Node(Generic[K]):
    edge: list[int]
    """The tokens between the parent and here."""
    parent: "_Node[K] | None"
    children: "dict[int, _Node[K]]" = field(default_factory=dict)
    keys: set[K] = field(default_factory=set)
    """The sequences that end here."""


@dataclass(frozen=True, slots=True)
class Match(Generic[K]):
    """length: tokens that a prompt shares; keys: all sequences that share so many."""

    length: int
    keys: frozenset[K]


class PrefixTree(Generic[K]):
    """Token sequences by key. Each key has one; it may grow, be cut, and go. Not thread-safe.

    Finding takes time in the length of the prompt and the number of sequences that share it, however
    many others there are; growing a sequence by one token takes constant time.
    """

    def __init__(self) -> None:
        self._root: _Node[K] = _Node([], None)
        self._ends: dict[K, _Node[K]] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def __contains__(self, key: K) -> bool:
        return key in self._ends

    def set(self, key: K, tokens: list[int]) -> None:
        """Remember this sequence under this key, in place of what it had."""
        self.remove(key)
        self._insert(self._root, key, tokens)

    def extend(self, key: K, tokens: list[int]) -> None:
        """Let the sequence of this key, which may be new, go on with these tokens."""
        node = self._ends.get(key, self._root)
        if node is self._root or node.children or len(node.keys) > 1:
            node.keys.discard(key)
            self._insert(node, key, tokens)
            self._prune(node)
        else:
            node.edge.extend(tokens)

    def cut(self, key: K, length: int) -> None:
        """Take so many tokens off the end of the sequence of this key, which stays longer than that."""
        node = self._ends[key]
        if node.children or len(node.keys) > 1 or length >= len(node.edge):
            self.set(key, self.tokens_of(key)[:-length])
        else:
            del node.edge[-length:]

    def remove(self, key: K) -> None:
        """Forget the sequence of this key, if there is one."""
        node = self._ends.pop(key, None)
        if node is not None:
            node.keys.discard(key)
            self._prune(node)

    def tokens_of(self, key: K) -> list[int]:
        """The sequence of this key."""
        edges = []
        node: _Node[K] | None = self._ends[key]
        while node is not None:
            edges.append(node.edge)
            node = node.parent
        return [token for edge in reversed(edges) for token in edge]

    def longest(self, tokens: list[int]) -> Match[K]:
        """The longest beginning that a prompt shares with anyone, and everyone who shares it."""
        node, length = self._root, 0
        while True:
            child = node.children.get(tokens[length]) if length < len(tokens) else None
            if child is None:
                break
            shared = common_prefix(child.edge, tokens[length : length + len(child.edge)])
            node, length = child, length + shared
            if shared < len(child.edge):
                break
        return Match(length, frozenset(_keys_below(node)) if length else frozenset())

    def longest_whole(self, tokens: list[int]) -> Match[K]:
        """The longest sequence that the prompt begins with as a whole."""
        node, length = self._root, 0
        best: Match[K] = Match(0, frozenset())
        while length < len(tokens) and (child := node.children.get(tokens[length])) is not None:
            if tokens[length : length + len(child.edge)] != child.edge:
                break
            node, length = child, length + len(child.edge)
            if node.keys:
                best = Match(length, frozenset(node.keys))
        return best

    def check_integrity(self) -> None:
        """Raise AssertionError if the tree is not what it should be; for tests."""
        seen: set[K] = set()
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            seen |= node.keys
            for first, child in node.children.items():
                if child.parent is not node or child.edge[0] != first:
                    raise AssertionError("a node hangs in the wrong place")
                if not child.keys and len(child.children) < 2:
                    raise AssertionError("a node is left that nobody needs")
            nodes.extend(node.children.values())
        if seen != set(self._ends) or any(key not in node.keys for key, node in self._ends.items()):
            raise AssertionError("a sequence ends where it is not known")

    def _insert(self, node: _Node[K], key: K, tokens: list[int]) -> None:
        """Hang the tokens below a node, along what is there and away from it where it differs."""
        place = 0
        while place < len(tokens):
            child = node.children.get(tokens[place])
            if child is None:
                child = _Node(tokens[place:], node)
                node.children[tokens[place]] = child
                node = child
                break
            shared = common_prefix(child.edge, tokens[place : place + len(child.edge)])
            node = child if shared == len(child.edge) else _split(child, shared)
            place += shared
        node.keys.add(key)
        self._ends[key] = node

    def _prune(self, node: _Node[K]) -> None:
        """Take out a node that ends nothing, and join it to its only child."""
        if node.keys or node is self._root or node.parent is None:
            return
        if not node.children:
            parent = node.parent
            del parent.children[node.edge[0]]
            self._prune(parent)
        elif len(node.children) == 1:
            (child,) = node.children.values()
            child.edge[:0] = node.edge
            child.parent = node.parent
            node.parent.children[child.edge[0]] = child


def _split(node: _Node[K], length: int) -> _Node[K]:
    """Cut a node's edge in two; returns the new upper node."""
    upper = _Node(node.edge[:length], node.parent)
    if node.parent is not None:
        node.parent.children[node.edge[0]] = upper
    del node.edge[:length]
    node.parent = upper
    upper.children[node.edge[0]] = node
    return upper


def _keys_below(node: _Node[K]) -> Iterator[K]:
    nodes = [node]
    while nodes:
        node = nodes.pop()
        yield from node.keys
        nodes.extend(node.children.values())


def common_prefix(first: list[int], second: list[int]) -> int:
    """How many tokens two sequences have in common from their beginning on."""
    same, limit = 0, min(len(first), len(second))
    while same < limit:  # halving: comparing slices takes a hundredth of the time of a loop over tokens
        middle = (same + limit + 1) // 2
        if first[same:middle] == second[same:middle]:
            same = middle
        else:
            limit = middle - 1
    return same
