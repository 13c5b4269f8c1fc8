"""Whether what must be true in the end can be. All raise `Wrong`."""

from collections.abc import Iterable
from typing import get_args

from tapefold.events import Doubt, Status
from tapefold.folds.book import Live
from tapefold.scenario.check_names import Known
from tapefold.scenario.check_numbers import not_negative, positive, span
from tapefold.scenario.event_words import check_facts, check_told
from tapefold.scenario.positions import below
from tapefold.scenario.wording import Wrong, either, shown
from tapefold.scenario.words import BalanceThen, BookThen, FillThen, OrderThen, Then


def check_then(then: Then, known: Known) -> dict[str, str]:
    """All of it: the sums in its events, by their keys."""
    sums: dict[str, str] = {}
    for name, rows in then.told.items():
        known.order(name, below("then.told", name))
        sums |= check_told(rows, below("then.told", name), known)
    for key, rows in (("then.facts", then.facts), ("then.never", then.never)):
        sums |= check_facts(rows, key, known)
    for name, word in then.orders.items():
        known.order(name, below("then.orders", name))
        _check_order(word, below("then.orders", name), known)
    for n, fill in enumerate(then.fills or ()):
        _check_fill(fill, f"then.fills[{n}]", known)
    for name, book in then.books.items():
        known.instrument(name, below("then.books", name))
        _check_book(book, below("then.books", name))
    _check_balances(then, known)
    for purpose, count in then.requests.items():
        not_negative(count, f"then.requests.{purpose}")
    span(then.after, "then.after")
    return sums


def _check_balances(then: Then, known: Known) -> None:
    for asset, there in then.balances.items():
        key = below("then.balances", asset)
        known.asset(asset, key)
        if isinstance(there, BalanceThen):
            not_negative(there.total, f"{key}.total")
            not_negative(there.available, f"{key}.available")
        else:
            not_negative(there, key)


def _check_fill(fill: FillThen, key: str, known: Known) -> None:
    known.order(fill.order, f"{key}.order")
    for name in ("amount", "price", "value"):
        positive(getattr(fill, name), f"{key}.{name}")
    _check_fees(fill, key, known)


def _check_fees(word: FillThen | OrderThen, key: str, known: Known) -> None:
    for asset in word.fees or {}:
        known.asset(asset, below(f"{key}.fees", asset))


def _check_order(word: OrderThen, key: str, known: Known) -> None:
    _check_fees(word, key, known)
    _check_word(word.status, get_args(Status), f"{key}.status")
    _check_word(word.doubt or "", get_args(Doubt), f"{key}.doubt")
    for name in ("executed", "value"):
        not_negative(getattr(word, name), f"{key}.{name}")
    for name in ("amount", "price"):
        positive(getattr(word, name), f"{key}.{name}")


def _check_book(word: BookThen, key: str) -> None:
    _check_word(word.state, get_args(Live), f"{key}.state")
    not_negative(word.gaps, f"{key}.gaps")
    for side in ("best_bid", "best_ask"):
        for n, number in enumerate(getattr(word, side) or ()):
            positive(number, f"{key}.{side}[{n}]")


def _check_word(word: str, words: Iterable[str], key: str) -> None:
    if word and word not in words:
        raise Wrong(key, f"it is never {shown(word)}; it can be {either([*filter(None, words)])}")
