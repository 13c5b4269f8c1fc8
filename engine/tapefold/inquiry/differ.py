"""What differs between two positions: each thing that is known, as it was and as it is."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from msgspec import Struct

from tapefold.folds.book_view import BookView
from tapefold.inquiry.past import Either, open_past
from tapefold.inquiry.plainly import Subject, flat, subjects
from tapefold.units import Level, fixed
from tapefold.views import Views

MOST: Final = 20
"""Levels of a book, or parts of what nobody asks for, that are told one by one."""
_NONE: Final = Subject("", {})


class Change(Struct, frozen=True):
    """One thing that differs, as exact texts; empty where it is not there."""

    fold: str
    """Such as `orders`."""
    subject: str
    """Such as `order run-1`."""
    field: str
    """Such as `status`."""
    before: str
    after: str

    @property
    def path(self) -> str:
        """Both names together: `order run-1 status`."""
        return f"{self.subject} {self.field}".rstrip()


def diff(before: Views, after: Views) -> list[Change]:
    """All that differs; empty where each fold is what it was. The views may be of two logs."""
    old, new = subjects(before), subjects(after)
    changes = [*_books(before, after)]
    for fold in dict.fromkeys([*old, *new]):
        changes += _fold(fold, old.get(fold, {}), new.get(fold, {}))
    return changes


def diff_log(of: Either, p: int, q: int) -> list[Change]:
    """What was other at position *q* of a log or a session than at *p*, which may be the later one.

    Raises `BadInput` where there is no such position.
    """
    with open_past(of) as past:
        return diff(past.views(p), past.views(q))


def _fold(fold: str, old: Mapping[Any, Subject], new: Mapping[Any, Subject]) -> list[Change]:
    changes: list[Change] = []
    for key in sorted(
        dict.fromkeys([*old, *new]), key=lambda key: key == ""
    ):  # the rest comes last
        then, now = old.get(key, _NONE), new.get(key, _NONE)
        name = now.name or then.name
        if then.told != now.told:
            changes += _changes(fold, name, then.told, now.told)
        elif then.whole != now.whole and not (now.is_rest and changes):
            parts = dict(flat(then.whole)), dict(flat(now.whole))
            changes += _capped(_changes(fold, name, *parts), "more that differ")
    return changes


def _changes(
    fold: str, name: str, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[Change]:
    for field in dict.fromkeys([*old, *new]):
        before, after = old.get(field, ""), new.get(field, "")
        if before != after:
            yield Change(fold, name, field, before, after)


def _capped(changes: Iterable[Change], more: str) -> list[Change]:
    """The first of them, and how many more there are."""
    every = [*changes]
    if len(every) <= MOST:
        return every
    first, rest = every[:MOST], len(every) - MOST
    return [*first, Change(first[0].fold, first[0].subject, more, "", str(rest))]


# Books


def _books(before: Views, after: Views) -> Iterator[Change]:
    rows = before.instruments.rows | after.instruments.rows
    for number in dict.fromkeys([*before.books, *after.books]):
        name = f"book {rows[number].exchange} {rows[number].symbol}"
        yield from _changes("books", name, _told(before, number), _told(after, number))
        levels = _levels(name, _book(before, number), _book(after, number))
        yield from _capped(levels, "more levels")


def _book(views: Views, number: int) -> BookView | None:
    held = views.books.get(number)
    return BookView(views.instruments, number, held, stale=True) if held else None


def _told(views: Views, number: int) -> dict[str, str]:
    book = _book(views, number)
    if book is None:
        return {}
    bids, asks = book.levels
    told = {
        "state": book.state,
        "best bid": _level(book.best_bid),
        "best ask": _level(book.best_ask),
        "spread": _size(book.spread),
        "bids": str(bids),
        "asks": str(asks),
        "updates": str(book.updates),
        "sequence": str(views.books[number].sequence),
        "snapshots": str(book.epoch),
        "gaps": str(book.gaps),
    }
    return {name: text for name, text in told.items() if text}


def _level(level: Level | None) -> str:
    return f"{fixed(level.price)} x {fixed(level.size)}" if level else ""


def _levels(name: str, then: BookView | None, now: BookView | None) -> Iterator[Change]:
    """Those that differ, a bid and an ask in turn, the best ones first."""
    bids = _side(then.bids() if then else [], now.bids() if now else [], -1)
    asks = _side(then.asks() if then else [], now.asks() if now else [], 1)
    for pair in zip_longest(bids, asks):
        for side, changed in zip(("bid", "ask"), pair, strict=True):
            if changed:
                price, before, after = changed
                yield Change("books", name, f"{side} {fixed(price)}", _size(before), _size(after))


def _side(
    then: list[Level], now: list[Level], sign: int
) -> list[tuple[Decimal, Decimal | None, Decimal | None]]:
    """Price, and the size there before and after; None where there was nothing."""
    old, new = dict(then), dict(now)
    rows = [(price, old.get(price), new.get(price)) for price in {**old, **new}]
    return sorted((row for row in rows if row[1] != row[2]), key=lambda row: sign * row[0])


def _size(size: Decimal | None) -> str:
    return fixed(size) if size is not None else ""
