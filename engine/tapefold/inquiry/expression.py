"""Expressions: a question about views, typed by a person, that can ask and nothing else.

Python's own parser reads the text; nothing of it is ever run. `grammar.py` says what may stand in it,
`nameable.py` what can be named.
"""

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from tapefold.errors import BadInput
from tapefold.inquiry.grammar import Reader
from tapefold.inquiry.nameable import NAMES, Moment, Nameable
from tapefold.inquiry.paths import Read, Wrong
from tapefold.inquiry.things import Value, Wakes
from tapefold.views import Views

LENGTH_MAX: Final = 4000
"""Characters."""
DEPTH_MAX: Final = 40
"""Pieces within pieces."""
_SPACES: Final = str.maketrans("\t\n\v\f\r", "     ")


class Expression:
    """A question that is true of some positions of a log, and not of others.

    It is a predicate of `Views`, so `engine.until` takes it.
    """

    def __init__(self, text: str, reader: Reader, holds: Callable[[Moment], bool]) -> None:
        self.text = text
        self.wakes: Wakes = reader.wakes
        """The events after which its answer can be another one."""
        self.momentary = reader.momentary
        """It asks for an event, so that it is another question at every position."""
        self._named: Mapping[str, Callable[[Moment], Value]] = reader.named
        self._live, self._holds = reader.live, holds

    def __call__(self, views: Views) -> bool:
        """Whether it holds of *views*. Raises `BadInput` for one that asks for an event or its time."""
        if not self._live:
            raise BadInput(
                f"{self.text!r} asks for an event or its time, which views alone do not know"
            )
        return self._holds(Moment(views))

    def holds(self, moment: Moment) -> bool:
        """Whether it holds at a position of a log."""
        return self._holds(moment)

    def named(self, moment: Moment) -> dict[str, Value]:
        """What each thing that it names came to, by its name as it was typed."""
        return {name: read(moment) for name, read in self._named.items()}

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def compile_expression(text: str, names: Mapping[str, Nameable] = NAMES) -> Expression:
    """Make a question out of *text*. Raises `BadInput`, which names the column and what could stand there.

    See docs/time-travel.md for what can be asked; *names* are what it may begin with.
    """
    source = _source(text)
    reader = Reader(source.lstrip(), names)
    try:
        holds = reader.condition(_parsed(source))
    except Wrong as wrong:
        _refuse(source, wrong.offset, wrong.what)
    return Expression(source.strip(), reader, holds)


def compile_sum(text: str, names: Mapping[str, Nameable] = NAMES) -> Read:
    """Make what gives a number, or None where it is not known, out of *text*. Raises as the other."""
    source = _source(text)
    reader = Reader(source.lstrip(), names)
    try:
        return reader.number(_parsed(source))
    except Wrong as wrong:
        _refuse(source, wrong.offset, wrong.what)


def _source(text: str) -> str:
    """As Python's parser takes it. Raises `BadInput`."""
    if len(text) > LENGTH_MAX:
        raise BadInput(
            f"the expression has {len(text):,} characters: it may have {LENGTH_MAX:,} at most"
        )
    source = text.translate(_SPACES)
    if not source.strip():
        raise BadInput("the expression is empty: say what is to hold, as in 'orders.alive > 0'")
    return source


def _parsed(source: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of style: what is not meant is refused below
            tree = ast.parse(source.lstrip(), mode="eval").body
    except SyntaxError as error:
        if error.offset == 0:
            _say(len(source.rstrip()) + 1, "something is missing at the end")
        _say(_margin(source) + (error.offset or 1), error.msg)
    except (ValueError, RecursionError, MemoryError):
        # A character that no source has; or deeper than the parser goes.
        _say(1, f"it cannot be read: it has strange characters, or more than {DEPTH_MAX} levels")
    _check_depth(source, tree)
    return tree


def _check_depth(source: str, tree: ast.expr) -> None:
    """So that what follows may recurse. Itself it does not."""
    level: list[ast.AST] = [tree]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    column = next((node.col_offset for node in level if isinstance(node, ast.expr)), 0)
    _refuse(source, column, f"there are more than {DEPTH_MAX} levels of pieces within pieces")


def _refuse(source: str, offset: int, what: str) -> NoReturn:
    """*offset* is Python's: bytes of UTF-8 after the margin."""
    before = source.lstrip().encode()[:offset].decode()
    _say(_margin(source) + len(before) + 1, what)


def _margin(source: str) -> int:
    """The spaces before the first word, which Python would take for a block's."""
    return len(source) - len(source.lstrip())


def _say(column: int, what: str) -> NoReturn:
    raise BadInput(f"the expression, column {column}: {what}")
