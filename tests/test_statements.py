"""Statements of balances: those that come late, and those that are to be made once more.

No door: events go to the part of the kernel that takes them in, and to a kernel whose every answer the test
gives.
"""

from desks import D, Desk, ready, row
from flavours import Row
from money import ETH, X, listed

from tapefold.events import ZERO, BalanceSnapshot, OrderReported, OrderSubmitted, Says
from tapefold.kernel.account import RESTATED
from tapefold.kernel.core import Core
from tapefold.kernel.statements import Statements
from tapefold.log import open_log
from tapefold.units import SECOND
from tapefold.views import Views

NOW = 1000
"""When all is heard, unless a test says something else: after all that is said."""


class Told:
    """What the kernel's part makes of statements."""

    def __init__(self) -> None:
        self.log, self.views = open_log(), Views()
        self.core = Core(self.log, self.views)
        self.core.append(0, listed())
        self.statements = Statements(X, self.core)

    def say(self, said: int, *, complete: bool = False, now: int = NOW, **money: str) -> "Told":
        """The exchange states at *said*; *money* as `USDT="1000 350"`: in all, and what is held."""
        pairs = {asset: (text + " 0").split()[:2] for asset, text in sorted(money.items())}
        event = BalanceSnapshot(
            exchange=X,
            totals=tuple((asset, D(total)) for asset, (total, _) in pairs.items()),
            held=tuple((asset, D(held)) for asset, (_, held) in pairs.items()),
            complete=complete,
            time_exchange=said,
        )
        self.statements.take_in(now, event)
        return self

    def logged(self) -> list[BalanceSnapshot]:
        """What is in the log of it."""
        return [r.event for r in self.log.read() if isinstance(r.event, BalanceSnapshot)]

    def last(self) -> tuple[int, bool, dict[str, str]]:
        """When the last of them was so, whether it is complete, and what it says, as *money*."""
        event = self.logged()[-1]
        held = dict(event.held)
        assert held.keys() <= dict(event.totals).keys()
        said = {asset: f"{total} {held.get(asset, 0)}" for asset, total in event.totals}
        return event.time_exchange, event.complete, said

    def held(self, asset: str = "USDT") -> str:
        """What others hold of it."""
        return str(self.views.balances.held_elsewhere(X, asset))

    def submit(self) -> OrderSubmitted:
        """An order of ours is on its way, and holds 100 USDT."""
        order = OrderSubmitted(
            exchange=X,
            instrument=ETH,
            client_order_id="b",
            side="buy",
            order_type="limit",
            tif="gtc",
            amount=D(1),
            price=D(100),
            hold=D(100),
        )
        self.core.append(0, order)
        return order

    def learn(self, says: Says) -> bool:
        """How it is said to be; whether money is to be stated again for that."""
        event = OrderReported(exchange=X, client_order_id="b", says=says, executed=ZERO)
        self.core.append(0, event)
        order = self.views.orders.find("b")
        assert order is not None
        return self.statements.is_to_ask(order)


def opened() -> Told:
    """At 100: 10 ETH and 1000 USDT, of which somebody else holds 200."""
    return Told().say(100, complete=True, ETH="10", USDT="1000 200")


# What comes late


def test_what_is_older_than_a_statement_of_the_same_asset_is_left_out() -> None:
    told = opened().say(120, USDT="1000 350").say(110, USDT="1000 500")
    assert (told.held(), len(told.logged())) == ("350", 2)
    assert told.say(120, USDT="1000 50").held() == "50"  # as old is not older
    assert told.say(121, USDT="1000 60").held() == "60"


def test_a_late_one_neither_makes_nor_ends_a_difference() -> None:
    told = opened().say(120, USDT="990").say(110, USDT="1000")
    assert told.views.balances.drift(X, "USDT") == -10
    assert told.say(130, USDT="1000").say(125, USDT="990").views.balances.drift(X, "USDT") == 0


def test_what_one_says_of_another_asset_makes_none_late() -> None:
    told = opened().say(120, ETH="10 1").say(110, USDT="1000 350")
    assert (told.held(), told.held("ETH")) == ("350", "1")


def test_of_one_that_is_late_in_part_the_rest_is_news() -> None:
    told = opened().say(120, USDT="1000 350").say(110, ETH="10 4", USDT="1000 500")
    assert told.last() == (110, False, {"ETH": "10 4"})
    assert (told.held(), told.held("ETH")) == ("350", "4")


def test_all_that_is_older_than_a_complete_one_is_late() -> None:
    told = opened().say(99, ETH="10 1").say(99, BNB="5 5").say(99, complete=True, ETH="9")
    assert (told.held("ETH"), told.held("BNB"), len(told.logged())) == ("0", "0", 1)


def test_a_complete_one_is_late_for_the_assets_that_were_stated_since() -> None:
    """A page that is slower than the stream. What it leaves out it states to be nothing."""
    told = opened().say(100, BNB="3").say(120, USDT="1000 350")
    told.say(110, complete=True, ETH="10 2", USDT="1000 200")
    assert told.last() == (110, False, {"BNB": "0 0", "ETH": "10 2"})
    assert (told.held(), told.held("ETH")) == ("350", "2")
    assert told.say(109, ETH="10 7").held("ETH") == "2"
    assert told.say(119, USDT="1000 7").held() == "350"
    told.say(130, complete=True, ETH="10", USDT="1000")
    assert told.last() == (130, True, {"ETH": "10 0", "USDT": "1000 0"})
    assert told.say(129, USDT="1000 7").held() == "0"


def test_one_that_leaves_out_what_is_late_is_late_for_it_all_the_same() -> None:
    told = opened().say(120, BNB="3 1").say(110, complete=True, ETH="10", USDT="1000")
    assert told.last() == (110, False, {"ETH": "10 0", "USDT": "1000 0"})
    assert told.views.balances.drift(X, "BNB") == 3


def test_an_account_with_nothing_in_it_states_that() -> None:
    told = Told().say(100, complete=True)
    assert told.say(120, complete=True).last() == (120, True, {})
    assert told.say(110, complete=True).last() == (120, True, {})


def test_one_without_a_time_is_never_late_and_makes_none_late() -> None:
    told = opened().say(120, USDT="1000 350").say(0, USDT="1000 500")
    assert told.held() == "500"
    assert told.say(119, USDT="1000 7").held() == "500"
    assert told.say(0, complete=True, ETH="10", USDT="1000 9").held() == "9"


def test_nothing_makes_the_first_complete_one_late() -> None:
    told = Told().say(120, USDT="7 7").say(110, complete=True, USDT="1000 200")
    assert (told.views.balances.total(X, "USDT"), told.held()) == (D(1000), "200")
    assert told.say(109, USDT="1000").held() == "200"


def test_a_time_that_is_yet_to_come_makes_nothing_late_for_long() -> None:
    told = opened().say(10**15, now=150, USDT="1000 350")
    assert told.say(149, now=160, USDT="1000 7").held() == "350"
    assert told.say(151, now=161, USDT="1000 8").held() == "8"


def test_how_long_it_was_quiet_is_from_one_that_was_not_late() -> None:
    told = opened().say(120, now=NOW + 5, USDT="1000").say(110, now=NOW + 20, USDT="1000")
    told.say(130, now=NOW + 50, USDT="1000")
    assert [event.quiet for event in told.logged()] == [0, 5, 45]


def test_a_late_page_answers_the_survey_and_says_nothing() -> None:
    desk = ready()
    for time, held in ((9, "300"), (8, "0")):
        desk.wait(desk.watching.poll)
        desk.reply("balances", PAGE | {"t": time, "held": {"USDT": held}})
        desk.reply("open_orders", [])
    assert desk.free("USDT") == 9700
    assert [event.time_exchange for event in desk.of(BalanceSnapshot)] == [1, 9]
    desk.wait(desk.watching.poll)
    assert desk.waiting() == [("balances", ""), ("open_orders", "")]


# What is to be stated again


def test_an_order_that_was_on_its_way_and_is_open_may_have_been_in_what_is_held() -> None:
    told = opened()
    told.submit()
    told.say(120, USDT="1000 300")
    assert told.held() == "300"
    assert not told.learn("pending")
    assert (told.learn("open"), [*told.statements.owed]) == (True, ["USDT"])
    assert not told.learn("open")
    told.say(130, ETH="10")
    assert [*told.statements.owed] == ["USDT"]
    assert (told.say(130, USDT="1000 300").held(), [*told.statements.owed]) == ("200", [])


def test_an_order_that_was_refused_was_not_in_it() -> None:
    told = opened()
    told.submit()
    told.say(120, USDT="1000 300")
    assert not told.learn("rejected")
    assert (told.held(), told.statements.owed) == ("300", {})
    assert told.views.balances.available(X, "USDT") == 700


def test_nothing_is_to_be_stated_again_where_nobody_else_holds_anything() -> None:
    told = opened()
    told.submit()
    told.say(120, USDT="1000")
    assert not told.learn("open")


def test_nothing_is_to_be_stated_again_that_was_stated_since_the_order_is_open() -> None:
    told = opened()
    told.submit()
    told.say(120, USDT="1000 300")
    told.core.append(0, OrderReported(exchange=X, client_order_id="b", says="open", executed=ZERO))
    assert told.say(130, complete=True, USDT="1000 300").held() == "200"
    assert not told.learn("canceled")


def lost(desk: Desk) -> str:
    """An order whose answer is lost with the stream; the page of the survey has what it holds."""
    name = desk.submit()
    desk.lose("place")
    desk.closed()
    desk.wait(SECOND * 2)
    desk.connect("tiny/2")
    desk.reply("balances", PAGE | {"t": 5, "held": {"USDT": "100"}})
    assert desk.free("USDT") == 9800  # it is not known to be in that
    return name


PAGE: Row = {"totals": {"ETH": "100", "USDT": "10000", "BNB": "1"}}


def test_money_is_asked_for_again_when_an_order_is_found_that_may_be_in_what_is_held() -> None:
    desk = ready()
    desk.reply("open_orders", [row(lost(desk))])
    desk.sent.clear()
    desk.wait(RESTATED - 1)
    assert not desk.waiting()
    desk.wait(1)
    assert desk.waiting() == [("balances", "")]
    desk.reply("balances", PAGE | {"t": 6, "held": {"USDT": "100"}})
    assert desk.free("USDT") == 9900
    desk.wait(2 * RESTATED)
    assert not desk.waiting()


def test_money_is_not_asked_for_again_where_it_was_stated_meanwhile() -> None:
    desk = ready()
    desk.reply("open_orders", [row(lost(desk))])
    desk.sent.clear()
    desk.say({"e": "balance", "totals": {"USDT": "10000"}})
    desk.wait(2 * RESTATED)
    assert not desk.waiting()
