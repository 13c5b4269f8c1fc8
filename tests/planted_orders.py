"""Defects of order handling that others had, as a table: each planted in an engine that is good otherwise.

A row says where the defect is known from, what is broken, the law of the order sweep that must catch it,
and the fault by which it shows. `order_doubles` has the engines.
"""

from typing import Final, NamedTuple

from order_doubles import (
    Chancy,
    Forgetful,
    Hasty,
    Plant,
    Reconciling,
    Stubborn,
    Unwritten,
    blocks,
    by_trade_id,
    canceled_too,
    cancels_everything,
    cancels_once,
    claim_is_enough,
    each,
    ends_twice,
    fill,
    gone_is_canceled,
    hearing,
    ids_unsaved,
    in_a_moment,
    inferred_anew,
    latest_wins,
    made,
    missing_three_times,
    nearly_is_enough,
    never_looks,
    no_rest,
    not_after_thirty_seconds,
    only_known_ids,
    patched,
    per_channel,
    recalling,
    rises_unasked,
    rises_unheld,
    rounded,
    tells_again,
    unchecked,
    unread,
    working_dropped,
)

from tapefold.events import ZERO
from tapefold.folds.balances import Balances
from tapefold.folds.orders import Order, Orders, orders, standing
from tapefold.kernel import answers
from tapefold.kernel import requests as asking
from tapefold.kernel.account import Account
from tapefold.kernel.trade import Trade
from tapefold.testing.conformance.order_faults import Kind


class Planted(NamedTuple):
    """A defect."""

    name: str
    source: str
    """Where it is known from."""
    broken: str
    """What is broken."""
    law: str
    """The one that must catch it."""
    kind: Kind
    """The fault by which it shows; `fair`: it shows where nothing goes wrong."""
    plant: Plant


class Unplantable(NamedTuple):
    """A defect that there is no place for."""

    name: str
    source: str
    why: str


_1J: Final = "SEED 1J"
PLANTED: Final[tuple[Planted, ...]] = (
    Planted(
        "timeout_is_failure",
        "PEERS 4.5, hummingbot #493",
        "An order that is not answered is taken for failed, and placed anew under another id.",
        "no_double_order",
        "unanswered",
        made(Hasty),
    ),
    Planted(
        "post_retried",
        "PEERS 4.5; DESIGN §10",
        "A POST that is answered with 5xx is sent again.",
        "not_resent",
        "busy",
        made(Stubborn),
    ),
    Planted(
        "resent_at_start",
        "ORDERS §2; DESIGN §10",
        "After a restart an order whose answer was not heard is placed again.",
        "not_resent",
        "killed",
        made(Forgetful),
    ),
    Planted(
        "intent_after_request",
        "SEED §4 rule b",
        "An order is written down only after its request has left.",
        "intent_first",
        "fair",
        made(Unwritten),
    ),
    Planted(
        "random_ids",
        "PEERS 4.2, OrderBook-rs #200",
        "Client order ids are drawn anew each time.",
        "same_again",
        "fair",
        made(Chancy),
    ),
    Planted(
        "rest_ignored",
        "DESIGN §7, faults of orders",
        "`Retry-After` is not looked at.",
        "left_alone",
        "limited",
        patched(answers, "resting", no_rest),
    ),
    Planted(
        "asked_without_pause",
        "SEED §2, AsyncThrottler, 0.1 s",
        "What fails is asked again ten times a second.",
        "bounded",
        "untraded",
        patched(asking, "backoff", in_a_moment),
    ),
    Planted(
        "word_unknown",
        "PEERS 4.15, pmxt #437",
        "The exchange has a word that the adapter does not know, and so it cannot read an order's end.",
        "readable",
        "fair",
        hearing(unread),
    ),
    Planted(
        "cancels_foreign",
        "DESIGN §7",
        "A cancel-all cancels what was placed elsewhere, too.",
        "foreign_left_alone",
        "fair",
        patched(Trade, "cancel_all", cancels_everything),
    ),
    Planted(
        "cancel_not_repeated",
        "SEED §5 case 2",
        "A cancel that nobody answered, or that overtook its order, is not sent again.",
        "nothing_left",
        "lost",
        patched(Order, "_cancel_answered", cancels_once),
    ),
    Planted(
        "trade_told_twice",
        f"{_1J}.1, Binance",
        "A TRADE that comes twice is told twice.",
        "fills_once",
        "fair",
        patched(Orders, "_learn", tells_again),
    ),
    Planted(
        "minus_one_known",
        f"{_1J}.1, Binance",
        "Reports are known by trade id, -1 too: after NEW a CANCELED is taken for a repetition.",
        "ends_told",
        "fair",
        hearing(by_trade_id),
    ),
    Planted(
        "ids_unsaved",
        f"{_1J}.1, Binance; PEERS 4.3, nautilus #3046, hummingbot #4990",
        "Which fills were seen is lost at a restart, and a page of trades counts them again.",
        "fills_once",
        "untraded_killed",
        recalling(ids_unsaved),
    ),
    Planted(
        "completed_before_fills",
        f"{_1J}.2; SEED §2, ClientOrderTracker",
        "An order that is said to be filled is completed, with whatever fills there are: none.",
        "one_end",
        "dropped",
        patched(standing, "_ended", claim_is_enough),
    ),
    Planted(
        "unknown_id_dropped",
        f"{_1J}.3, Bittrex",
        "What the stream says of an order whose exchange id is not known is dropped.",
        "orders_agree",
        "unanswered",
        hearing(only_known_ids),
    ),
    Planted(
        "filled_at_nothing",
        f"{_1J}.3 and 4, Bittrex, Coinbase",
        "A fill is made of what remains, and its price is 0.",
        "fills_once",
        "fair",
        fill(price=lambda _: ZERO, value=lambda _: ZERO),
    ),
    Planted(
        "stream_blocked",
        f"{_1J}.4, Coinbase",
        "While one order waits for its id, nobody hears the stream.",
        "told_soon",
        "unanswered",
        made(blocks),
    ),
    Planted(
        "unknown_is_canceled",
        f"{_1J}.4 and 5; SEED §5 case 2",
        'A cancel\'s "unknown order" is taken for canceled; the order may still land.',
        "one_end",
        "fair",
        each(gone_is_canceled),
    ),
    Planted(
        "known_by_transaction",
        f"{_1J}.6, Bamboo",
        "Fills are known by what they came in: two of one order count once.",
        "fills_once",
        "fair",
        fill(fill_id=lambda fill: fill.exchange_order_id),
    ),
    Planted(
        "repeated_ids",
        "SEED §5 case 6, hummingbot #5633",
        "An id that is given twice is taken for one fill.",
        "fills_once",
        "fair",
        fill(fill_id=lambda fill: str(int(fill.fill_id) % 2)),
    ),
    Planted(
        "two_sources",
        "PEERS 4.4, hummingbot #1663; SEED §2, overfill",
        "A fill has another id on each channel, counts by both, and 2 of 1 are accepted.",
        "fills_once",
        "fair",
        hearing(per_channel),
    ),
    Planted(
        "late_fill_dropped",
        "SEED §2, ClientOrderTracker; §5 case 3",
        "Half a minute after its end an order is forgotten, and its late fills are dropped.",
        "orders_agree",
        "untraded",
        hearing(not_after_thirty_seconds),
    ),
    Planted(
        "completed_and_canceled",
        "SEED §2, ClientOrderTracker",
        "After FILLED a late CANCELED is told as another end.",
        "one_end",
        "fair",
        patched(orders, "news_of", canceled_too),
    ),
    Planted(
        "ended_twice",
        "SEED §4",
        "An end is told as often as it is heard.",
        "one_end",
        "fair",
        patched(orders, "news_of", ends_twice),
    ),
    Planted(
        "stale_page_wins",
        "SEED §5 case 4",
        "A page that was taken before the end opens the order again.",
        "one_end",
        "fair",
        patched(Order, "learn", latest_wins),
    ),
    Planted(
        "nearly_filled",
        "SEED §2, InFlightOrder",
        "Filled within a tolerance is filled.",
        "one_end",
        "fair",
        patched(standing, "status_of", nearly_is_enough),
    ),
    Planted(
        "missing_is_failure",
        "SEED §4; §5 case 7",
        "Three times not found, however soon, is a failure.",
        "one_end",
        "unanswered_stale",
        hearing(missing_three_times),
    ),
    Planted(
        "rounded_fees",
        "SEED §2, MarketsRecorder",
        "Amounts are kept to six decimals.",
        "orders_agree",
        "fair",
        fill(fees=rounded),
    ),
    Planted(
        "silence_believed",
        "PEERS 4.6 and 4.8, hummingbot #7590",
        "After a reconnect nothing is asked for: what was missed stays missed.",
        "gap_surveyed",
        "fair",
        patched(Account, "_rose", rises_unasked),
    ),
    Planted(
        "believed_too_soon",
        "SEED §5 case 9",
        "After a reconnect the stream is believed before the account was asked for.",
        "gap_surveyed",
        "cut_account",
        patched(Account, "_rose", rises_unheld),
    ),
    Planted(
        "never_polled",
        "PEERS 4.6, LEAN.TradeStation #101",
        "Heartbeats are fine, one fill was never sent, and nobody asks.",
        "gap_surveyed",
        "fair",
        patched(Account, "_look", never_looks),
    ),
    Planted(
        "drift_ignored",
        "SEED §1D; ORDERS §8",
        "Money that no sum explains is never believed.",
        "money_agrees",
        "silent",
        patched(Balances, "_check", unchecked),
    ),
    Planted(
        "inferred_anew",
        "PEERS 4.3, nautilus #3878",
        "A synthetic fill has a new id in each run, so that a restart tells it again.",
        "fills_once",
        "untraded_killed",
        inferred_anew,
    ),
    Planted(
        "opposite_fill",
        "PEERS 4.3, nautilus #4736",
        "A restart reconciles with an equal and opposite fill.",
        "fills_once",
        "killed",
        made(Reconciling),
    ),
    Planted(
        "working_dropped",
        "PEERS 4.3, nautilus #5000",
        "A restart drops working orders.",
        "ends_told",
        "killed",
        recalling(working_dropped),
    ),
)
"""Each must be caught, by the law that it names at least."""
UNPLANTABLE: Final[tuple[Unplantable, ...]] = (
    Unplantable(
        "false_timestamp",
        f"{_1J}.6, Bamboo",
        "no time of a fact is read from a clock: adapter and kernel have none, and the field is an int",
    ),
    Unplantable(
        "mock_needs_internet",
        f"{_1J}.7",
        "it is no defect of orders: a test that dials out fails by itself (tests/test_network_guard.py)",
    ),
)
"""For these the design leaves no place."""
