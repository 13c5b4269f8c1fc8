"""Which edits are tried: of every key path that is read some, and of which nobody reads any."""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Final, NamedTuple

from tapefold.testing.mutation.edits import changed, with_leaf
from tapefold.testing.mutation.leaves import Leaf, leaves
from tapefold.testing.mutation.listening import Heard, Idle, Overheard

TRIES: Final = 24
"""Edits of a key path, none of which changes what is said: then nobody reads it."""
KEPT_MAX: Final = 64
"""Places of one key path that are remembered, drawn from all."""
_WORDS_MAX: Final = 64


class Edit(NamedTuple):
    """One leaf of one line, changed."""

    line: int
    path: str
    before: str
    after: str
    data: bytes
    """The whole frame, or body."""


class _Path:
    """All leaves of one key path of one kind of message."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        self.tried = self.read = self.used = 0
        """Edits; those of them that change what is said; and of those, what something may come of."""
        self._places = list[tuple[Heard, Leaf]]()
        self._words = dict[bytes, None]()
        self._done = set[tuple[int, int, bytes]]()

    def add(self, heard: Heard, leaf: Leaf, chance: Random) -> None:
        """One more place. Each of all has the same chance to be kept."""
        self.count += 1
        if leaf.sort == "word" and len(self._words) < _WORDS_MAX:
            self._words[leaf.text] = None
        if len(self._places) < KEPT_MAX:
            self._places.append((heard, leaf))
        elif (at := chance.randrange(self.count)) < KEPT_MAX:
            self._places[at] = heard, leaf

    def edit(self, idle: Idle, chance: Random) -> Edit | None:
        """An edit that was not made before, and changes what is used; None where none was found."""
        for _ in range(TRIES):
            heard, leaf = chance.choice(self._places)
            text = changed(leaf, [*self._words], chance)
            if text is None or (heard.line, leaf.start, text) in self._done:
                continue
            self.tried += 1
            self._done.add((heard.line, leaf.start, text))
            data = with_leaf(heard.data, leaf, text)
            says = heard.says(data)
            if not self.read and leaf.sort == "number" and isinstance(says[0], type):
                continue  # its form is looked at; that its value is read must be seen before it counts
            self.read += says != heard.said
            if heard.used(says, idle) != heard.used(heard.said, idle):
                self.used += 1
                return Edit(heard.line, self.name, leaf.text.decode(), text.decode(), data)
        return None


class Plan(NamedTuple):
    """What is tried, and what is not."""

    edits: list[Edit]
    counts: dict[str, int]
    """Leaves on the tape, by the key paths that are used."""
    unread: list[str]
    """Key paths of which no edit changes what an adapter says."""
    unused: list[str]
    """Key paths that change only what the session has no use for."""


def plan(overheard: Overheard, times: int, chance: Random) -> Plan:
    """So many edits, as evenly over the key paths as they go. Each path is tried, whatever *times*."""
    paths = _paths(overheard.heard, chance)
    order = sorted(paths.values(), key=lambda path: path.name)
    chance.shuffle(order)
    edits = [*_rounds(order, times, overheard.idle, chance)]
    order.sort(key=lambda path: path.name)
    return Plan(
        edits,
        {path.name: path.count for path in order if path.used},
        [path.name for path in order if path.tried and not path.read],
        [path.name for path in order if path.read and not path.used],
    )


def _paths(heard: Iterable[Heard], chance: Random) -> dict[str, _Path]:
    paths = dict[str, _Path]()
    for each in heard:
        for leaf in leaves(each.data):
            name = f"{each.name} {leaf.path}".rstrip()
            paths.setdefault(name, _Path(name)).add(each, leaf, chance)
    return paths


def _rounds(paths: list[_Path], times: int, idle: Idle, chance: Random) -> Iterator[Edit]:
    """One edit of each path, and again, until there are so many, or no more."""
    left, first = times, True
    while paths and (left > 0 or first):
        found = [(path, edit) for path in paths if (edit := path.edit(idle, chance))]
        for _, edit in found[:left]:
            yield edit
        left, first = max(left - len(found), 0), False
        paths = [path for path, _ in found]
