"""The table of races: every fact in every status, what is listed and what is not.

Needs no door: events go straight into the fold.
"""

from typing import Any

import pytest
from order_facts import (
    EXPIRY,
    Account,
    answer,
    cancel,
    closed,
    fill,
    missing,
    reverted,
    said,
    settle,
    submitted,
)
from order_stories import LIFE, STORIES

from tapefold.events import Status
from tapefold.folds.orders import RACES, Evidence, Kind
from tapefold.folds.orders.evidence import OrderFact, evidence
from tapefold.folds.orders.races import ANOMALIES_MAX, kind

ROADS: dict[Status, list[OrderFact]] = {
    "submitted": [],
    "open": [said("open"), fill("T1", "0.1")],
    "closing": [fill("T1", "0.1"), said("canceled", "0.4")],
    "filled": [fill("T1", 1)],
    "canceled": [fill("T1", "0.1"), said("canceled", "0.1")],
    "expired": [fill("T1", "0.1"), said("expired", "0.1")],
    "rejected": [said("rejected")],
}
"""How an order comes to be in each status."""
FACTS: list[OrderFact] = [
    said(""),
    said("pending"),
    said("open"),
    said("filled"),
    said("canceled", "0.1"),
    said("expired", "0.1"),
    said("rejected"),
    fill("T1", "0.1"),
    fill("T2", "0.2"),
    reverted("T1"),
    missing(99),
    cancel(),
    answer("gone"),
    answer("taken"),
    answer("refused"),
    answer("unanswered"),
    settle("0.1"),
    closed("0.1"),
    EXPIRY,
]
"""One of each kind."""


def on(status: Status) -> Account:
    account = Account(submitted(), *ROADS[status])
    assert account.order.status == status
    return account


@pytest.mark.parametrize("status", ROADS)
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: kind(on("submitted").order, fact))
def test_what_is_listed_is_no_anomaly_and_all_is_joined(status: Status, fact: OrderFact) -> None:
    account = on(status)
    what = kind(account.order, fact)
    expected = Evidence()
    expected.join(account.order.evidence)
    expected.join(evidence(fact))
    account.frame(fact)
    odd = [] if what in RACES[status] else [("c", status, what)]
    assert [*account.orders.anomalies.latest] == odd
    assert account.orders.anomalies.count == len(odd)
    assert account.order.evidence == expected
    assert LIFE.fullmatch(account.letters), account.letters
    assert account.orders.news(everything=True) == []


def test_every_row_and_every_column_is_walked() -> None:
    statuses: list[Status] = [*ROADS]
    walked = {kind(on(status).order, fact) for status in statuses for fact in FACTS}
    assert walked == {what for row in RACES.values() for what in row}
    assert [*RACES] == statuses


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("filled", "fill"),
        ("filled", "rejected"),
        ("rejected", "fill"),
        ("rejected", "filled"),
        ("submitted", "settle"),
        ("submitted", "closed"),
        ("open", "closed"),
    ],
)
def test_what_cannot_be_is_not_in_the_table(status: Status, what: Kind) -> None:
    assert what not in RACES[status]


def test_every_odd_move_of_the_stories_is_in_the_table_but_for_the_lies_in_them() -> None:
    reached: set[tuple[Status, Kind]] = set()
    odd: set[tuple[Status, Kind]] = set()
    for story in STORIES:
        for order in story.orders():
            account = Account()
            for fact in (each for number in order for each in story.facts(number)):
                heard: Any = fact
                if mine := account.orders.find("c"):
                    reached.add((mine.status, kind(mine, heard)))
                account.frame(fact)
            odd |= {(status, what) for _, status, what in account.orders.anomalies.latest}
    assert odd == {("filled", "fill"), ("rejected", "fill"), ("filled", "rejected")}
    rows: set[tuple[Status, Kind]] = {(status, what) for status in RACES for what in RACES[status]}
    assert reached - rows == odd


def test_of_anomalies_the_latest_are_kept_and_all_are_counted() -> None:
    account = Account(submitted(), fill("T", 1))
    for number in range(ANOMALIES_MAX + 20):
        account.frame(fill(f"T{number}", "0.1"))
    anomalies = account.orders.anomalies
    assert (anomalies.count, len(anomalies.latest)) == (ANOMALIES_MAX + 20, ANOMALIES_MAX)
    assert account.restored().state() == account.orders.state()


@pytest.mark.parametrize("end", ["filled", "canceled", "expired", "rejected"])
def test_after_an_end_only_money_speaks(end: Status) -> None:
    account = on(end)
    done = account.order.executed
    facts: list[OrderFact] = [
        said("open"),
        said("pending"),
        said("", done),
        said("canceled" if end == "filled" else "expired", done),
        missing(20),
        cancel(),
        answer("gone"),
        answer("taken"),
        answer("refused"),
        answer("unanswered"),
        settle(done),
        EXPIRY,
    ]
    if end in ("canceled", "rejected"):  # an end that says more than the one that was told wins
        facts.pop(3)
    for fact in facts:
        assert account.frame(fact) == [], fact
    assert account.orders.anomalies.count == 0
    assert (account.order.doubt, account.order.due) == ("", "")
    assert account.order.held == 0
