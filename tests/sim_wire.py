"""What stands between a kernel and a simulated Binance, and goes wrong there: lost, late, cut, torn.

Plain loops over what is on its way. Nothing is by chance here: whoever drives it says what happens
next. What it promises, as real ones do: on one lane nothing overtakes, and what a request rests on is
durable before it leaves. How long a request is valid is the simulator's to say, by what was signed.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from rough_wire import Tape
from sim_there import KEYS, SYMBOLS, There

from tapefold.adapter import (
    CancelAll,
    Close,
    Command,
    Frame,
    Given,
    Open,
    Outcome,
    Request,
    Send,
    Subscribe,
    Trader,
    WatchAccount,
    load_adapter,
    trader,
)
from tapefold.events import AnyEvent, OrderCancelRequested, OrderSubmitted
from tapefold.kernel import Kernel, Run
from tapefold.sim import (
    NO_ANSWER,
    Answer,
)
from tapefold.units import SECOND, Nanos
from tapefold.views import Views

EXCHANGE: Final = "binance"
TIMEOUT: Final = 8 * SECOND
"""After so long the wire gives a request up: longer than one is valid, and below the grace."""
WATCH: Final = WatchAccount(
    EXCHANGE, poll=40 * SECOND, poll_silent=10 * SECOND, silence_max=60 * SECOND
)
CALM: Final = 420 * SECOND
"""After so long a rest everything is settled: longer than all deadlines and backoffs in a row."""
Fate: TypeAlias = Literal["answered", "reply_lost", "lost", "late"]
_NOTHING: Final = Answer(NO_ANSWER, b"")


class Sent(NamedTuple):
    """A request on its way to the exchange: as asked, and as signed."""

    request: Request
    signed: Request
    at: Nanos


class Reply(NamedTuple):
    """An answer on its way back, or that there is none."""

    request: Request
    at: Nanos
    answer: Answer


def _trader() -> Trader:
    able = trader(load_adapter(EXCHANGE))
    assert able is not None
    return able


class SimWire(There):
    """A kernel, a simulated Binance, and all that is on its way between them."""

    def __init__(self, seed: int, keep_max: int = 4096) -> None:
        super().__init__(seed)
        self.adapter, self.keep_max, self.runs = _trader(), keep_max, 0
        self.tape = Tape()
        self.dialled: dict[str, str] = {}
        """URLs, by lane."""
        self.out: list[Sent] = []
        self.limbo: list[Sent] = []
        """Given up by us, and still on their way."""
        self.back: list[Reply] = []
        self.placed: dict[str, None] = {}
        """Client order ids of orders that ever left."""
        self.alls = 0
        """Cancel-alls of this run."""
        self._durable = 0
        self.begin(Tape())

    # The engine's end

    def begin(self, tape: Tape, *, thawed: bool = False) -> None:
        """A new process goes on with this log."""
        self.runs += 1
        self.tape, views = tape, self.folded(tape.events)
        if thawed:
            views = Views.thaw(views.freeze())
            views.orders.keep_max = self.keep_max
        self.kernel = Kernel({EXCHANGE: self.adapter}, tape, views)
        self.kernel.start(self.now, Run(run_id=f"r{self.runs}", seed=self.runs))
        self.alls = 0
        self.tell(Subscribe(EXCHANGE, SYMBOLS))
        self.tell(WATCH)

    def folded(self, events: Sequence[AnyEvent]) -> Views:
        """What these events come to, with as small a memory."""
        views = Views()
        views.orders.keep_max = self.keep_max
        views.apply_all(events)
        return views

    def restart(self, torn: int, *, thawed: bool = False) -> None:
        """Killed: of what was not durable, so many events are gone. What had left goes on its way."""
        for lane in [*self.lanes]:
            self._hang_up(lane)
        self.limbo += self.out
        self.out, self.back, self.dialled = [], [], {}
        kept = max(self._durable, self.tape.head - torn)
        self.begin(Tape(self.tape.events[:kept]), thawed=thawed)

    def tell(self, command: Command) -> None:
        """The caller says something. Raises as the kernel does."""
        self.moves()
        self._carry(self.kernel.command(self.now, command))
        self.alls += isinstance(command, CancelAll)

    def _carry(self, asked: Sequence[Outcome]) -> None:
        """Off it goes; what changes something there leaves when all that it rests on is durable."""
        for each in asked:
            match each:
                case Open():
                    self.dialled[each.lane] = each.url
                case Send():
                    if each.lane in self.lanes:
                        text = self.adapter.sign(each, KEYS, self._clock).text
                        self.publish(self.sim.hear(each.lane, text, self.now))
                case Close():
                    self._hang_up(each.lane)
                case Request():
                    signed = each
                    if each.signed:
                        signed = self.adapter.sign(each, KEYS, self._clock)
                    self.out.append(Sent(each, signed, self.now))
                    self._durable = self.tape.head if each.changes else self._durable
                    self._check(each)
                case Given():
                    raise AssertionError("nobody has a strategy here")

    def _check(self, request: Request) -> None:
        """What is wanted is in the log before it is asked, and no order leaves twice."""
        if request.purpose not in ("place", "cancel"):
            return
        name, kind = request.subject, OrderSubmitted
        if request.purpose == "place":
            assert name not in self.placed, "an order was sent twice"
            self.placed[name] = None
            assert any(isinstance(e, kind) and e.client_order_id == name for e in self.tape.events)
        else:
            wanted = OrderCancelRequested(client_order_id=name, request=request.attempt)
            assert wanted in self.tape.events

    @property
    def _clock(self) -> Nanos:
        """What time it is there, as far as we know: what the wire signs with."""
        known = self.kernel.views.health.clocks.get(EXCHANGE)
        return self.now + (known.ahead if known else 0)

    # The wire's

    def dial(self, *, refused: bool = False) -> None:
        """The oldest dialled lane comes up, or is refused."""
        self.moves()
        lane = next(iter(self.dialled))
        url = self.dialled.pop(lane)
        if refused:
            self._carry(self.kernel.step(Frame(self.now, lane, "close")))
            return
        self.lanes[lane] = deque()
        self.sim.connect(lane, url)
        self._carry(self.kernel.step(Frame(self.now, lane, "opened")))

    def drop(self, lane: str) -> None:
        """A lane is cut; what was on its way there is lost."""
        self._hang_up(lane)
        self.moves()
        self._carry(self.kernel.step(Frame(self.now, lane, "close", status=1006)))

    def _hang_up(self, lane: str) -> None:
        self.lanes.pop(lane, None)
        self.sim.disconnect(lane)

    def hear(self, lane: str, most: int = 1) -> None:
        """The next things on a lane come."""
        for _ in range(most):
            if not self.lanes.get(lane):
                return
            data = self.lanes[lane].popleft()
            self.moves()
            self._carry(self.kernel.step(Frame(self.now, lane, "recv", data)))

    def arrive(self, n: int, fate: Fate) -> None:
        """A request arrives at the exchange, or not; and what happens to its answer."""
        self.moves()
        sent = self.out.pop(n % len(self.out))
        answer = _NOTHING
        if fate == "late":
            self.limbo.append(sent)
        elif fate != "lost":
            answer = self.sim.answer(sent.signed, self.now)
        told = _NOTHING if fate == "reply_lost" else answer
        self.back.append(Reply(sent.request, sent.at, told))

    def arrive_late(self, n: int) -> None:
        """A request that we have given up arrives all the same; nobody hears its answer."""
        self.moves()
        self.sim.answer(self.limbo.pop(n % len(self.limbo)).signed, self.now)

    def reply(self, n: int) -> None:
        """One of the answers is heard."""
        self.moves()
        self._answered(self.back.pop(n % len(self.back)))

    def wait(self, span: Nanos) -> None:
        """So long nothing comes; timers fire, and what took too long is given up."""
        end = self.now + span
        while True:
            dues = [sent.at for sent in self.out] + [reply.at for reply in self.back]
            due = min([end, *(due + TIMEOUT for due in dues), self.kernel.due or end])
            self.moves(max(0, due - self.now))
            self._give_up()
            self._carry(self.kernel.tick(self.now))
            if due >= end:
                return

    def _give_up(self) -> None:
        for sent in [sent for sent in self.out if sent.at + TIMEOUT <= self.now]:
            self.out.remove(sent)
            self.limbo.append(sent)
            self._answered(Reply(sent.request, sent.at, _NOTHING))
        for reply in [reply for reply in self.back if reply.at + TIMEOUT <= self.now]:
            self.back.remove(reply)
            self._answered(reply._replace(answer=_NOTHING))

    def _answered(self, reply: Reply) -> None:
        request, answer = reply.request, reply.answer
        frame = Frame(self.now, request.lane, "failed", request=request, reason="timed out")
        if answer.status != NO_ANSWER:
            frame = Frame(
                self.now,
                request.lane,
                "response",
                answer.body,
                request,
                answer.status,
                retry_after=int(answer.headers.get("Retry-After", "0")),
            )
        self._carry(self.kernel.step(frame))

    # Rest

    def rest(self) -> None:
        """Nothing goes wrong any more, until all is settled."""
        self.sim.faults.clear()
        while self.limbo:
            self.arrive_late(0)
        self.passes(CALM)

    def passes(self, span: Nanos) -> None:
        """So much time goes by, and the wire does what it should."""
        end = self.now + span
        while self.now < end:
            self.flush()
            due = self.kernel.due or end
            self.wait(max(0, min(due, end) - self.now))
        self.flush()

    def flush(self) -> None:
        """Everything that is on its way arrives."""
        while self.out or self.back or self.dialled or any(self.lanes.values()):
            while self.dialled:
                self.dial()
            while self.out:
                self.arrive(0, "answered")
            while self.back:
                self.reply(0)
            for lane in [*self.lanes]:
                self.hear(lane, len(self.lanes.get(lane, ())))
