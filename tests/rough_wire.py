"""What stands between a kernel and the tiny exchange, and goes wrong there: lost, late, cut, torn.

Plain loops over what is on its way; time is an int that somebody moves. Nothing is by chance here:
whoever drives it says what happens next. What it promises, as real ones do: a request counts for
`VALID` and no longer; a page is at most `LAG` old; on one lane nothing overtakes; what a request
rests on is durable before it leaves.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from builders import MILLISECOND, START, digest_of
from flavours import TINY, Answer, Flavour, TinyExchange
from tiny_adapter import TinyAdapter

from tapefold.adapter import (
    CancelAll,
    Close,
    Command,
    Frame,
    Given,
    Open,
    Outcome,
    Rate,
    Request,
    Send,
    WatchAccount,
)
from tapefold.events import AnyEvent, OrderCancelRequested, OrderSubmitted
from tapefold.kernel import Kernel, Run
from tapefold.units import SECOND, Nanos
from tapefold.views import Views

VALID: Final = 8 * SECOND
"""A request that is older is not obeyed, and the wire gives it up: below every flavour's grace."""
LAG: Final = SECOND
"""A part of the exchange that lags answers as things were so long ago, at most."""
WATCH: Final = WatchAccount(
    TINY, poll=40 * SECOND, poll_silent=10 * SECOND, silence_max=60 * SECOND
)
WINDOWS: Final = {"weight": Rate(30, 10 * SECOND), "orders": Rate(6, 10 * SECOND)}
"""Narrow, so that what is asked has to wait now and then."""
CALM: Final = 600 * SECOND
"""After so long a rest everything is settled: longer than all deadlines and backoffs in a row."""
Fate: TypeAlias = Literal[
    "answered", "reply_lost", "lost", "late", "busy_after", "limited", "stale"
]


class Tape:
    """A log in memory that can be cut anywhere."""

    def __init__(self, events: Sequence[AnyEvent] = ()) -> None:
        self.events = [*events]

    @property
    def head(self) -> int:
        return len(self.events)

    def append(self, time: Nanos, event: AnyEvent) -> None:
        self.events.append(event)

    def commit(self) -> None:
        pass

    def digest(self) -> str:
        return digest_of(self.events)


class Sent(NamedTuple):
    """A request on its way to the exchange."""

    request: Request
    at: Nanos


class Reply(NamedTuple):
    """An answer on its way back; of the status 0 is the failure to get one."""

    request: Request
    at: Nanos
    answer: Answer
    wait: int = 0


class RoughWire:
    """A kernel, a tiny exchange, and all that is on its way between them."""

    def __init__(self, flavour: Flavour, keep_max: int = 4096) -> None:
        self.exchange, self.adapter = TinyExchange(flavour), TinyAdapter(flavour, WINDOWS)
        self.keep_max, self.now, self.runs = keep_max, START, 0
        self.tape = Tape()
        self.lane = ""
        """The private lane that is up; empty where none is."""
        self.dialled: list[str] = []
        self._urls: dict[str, str] = {}
        self.out: list[Sent] = []
        self.limbo: list[Sent] = []
        """Given up by us, and still on their way."""
        self.back: list[Reply] = []
        self.placed: dict[str, None] = {}
        """Client order ids of orders that ever left."""
        self.alls = 0
        """Cancel-alls of this run."""
        self._pages: dict[str, list[tuple[Nanos, Answer]]] = {}
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
        self.kernel = Kernel({TINY: self.adapter}, tape, views)
        self.kernel.start(self.now, Run(run_id=f"r{self.runs}", seed=self.runs))
        self.alls = 0
        self.tell(WATCH)

    def folded(self, events: Sequence[AnyEvent]) -> Views:
        """What these events come to, with as small a memory."""
        views = Views()
        views.orders.keep_max = self.keep_max
        views.apply_all(events)
        return views

    def restart(self, torn: int, *, thawed: bool = False) -> None:
        """Killed: of what was not durable, so many events are gone. What had left goes on its way."""
        self._hang_up()
        self.limbo += self.out
        self.out, self.back, self.dialled = [], [], []
        kept = max(self._durable, self.tape.head - torn)
        self.begin(Tape(self.tape.events[:kept]), thawed=thawed)

    def tell(self, command: Command) -> None:
        """The caller says something. Raises as the kernel does."""
        self._moves()
        self._carry(self.kernel.command(self.now, command))
        self.alls += isinstance(command, CancelAll)

    def _step(self, lane: str, kind: Literal["opened", "recv", "close"], data: bytes = b"") -> None:
        self._carry(self.kernel.step(Frame(self.now, lane, kind, data)))

    def _carry(self, asked: Sequence[Outcome]) -> None:
        """Off it goes; what changes something there leaves when all that it rests on is durable."""
        for each in asked:
            match each:
                case Open():
                    self.dialled.append(each.lane)
                    self._urls[each.lane] = each.url
                case Send():
                    if each.lane == self.lane:
                        self.exchange.hear(each.text)
                case Close():
                    if each.lane == self.lane:
                        self._hang_up()
                case Request():
                    self.out.append(Sent(each, self.now))
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

    def _hang_up(self) -> None:
        self.lane, self.exchange.stream = "", None

    def _moves(self, span: Nanos = MILLISECOND) -> None:
        self.now += span
        self.exchange.now = self.now

    # The wire's

    def dial(self, *, refused: bool = False) -> None:
        """The oldest dialled lane comes up, or is refused."""
        self._moves()
        lane = self.dialled.pop(0)
        if refused or not self.exchange.listen(self._urls[lane]):
            self._step(lane, "close")
            return
        self.lane = lane
        self._step(lane, "opened")

    def drop(self) -> None:
        """The private stream is cut; what was on its way there is lost."""
        lane = self.lane
        self._hang_up()
        self._moves()
        self._step(lane, "close")

    def hear(self, *, twice: bool = False) -> None:
        """The next thing on the private stream comes."""
        assert self.exchange.stream is not None
        data = self.exchange.stream.pop(0)
        for _ in range(1 + twice):
            if self.lane:
                self._moves()
                self._step(self.lane, "recv", data)

    def repeat(self, n: int) -> None:
        """The exchange says on the stream what it said long ago."""
        said = self.exchange.said
        if said and self.lane:
            self._moves()
            self._step(self.lane, "recv", said[n % len(said)])

    def arrive(self, n: int, fate: Fate) -> None:
        """A request arrives at the exchange, or not; and what happens to its answer."""
        self._moves()
        request, at = self.out.pop(n % len(self.out))
        nothing = Reply(request, at, (0, b""))
        match fate:
            case "lost":
                self.back.append(nothing)
            case "late":
                self.limbo.append(Sent(request, at))
                self.back.append(nothing)
            case "limited":
                self.back.append(Reply(request, at, (429, b"{}"), wait=3))
            case _:
                answer = self._obeyed(request, at, stale=fate == "stale")
                if fate == "reply_lost":
                    answer = 0, b""
                if fate == "busy_after":
                    answer = 503, b"{}"
                self.back.append(Reply(request, at, answer))

    def arrive_late(self, n: int) -> None:
        """A request that we have given up arrives all the same; nobody hears its answer."""
        self._moves()
        request, at = self.limbo.pop(n % len(self.limbo))
        self._obeyed(request, at)

    def reply(self, n: int) -> None:
        """One of the answers is heard."""
        self._moves()
        self._answered(self.back.pop(n % len(self.back)))

    def wait(self, span: Nanos) -> None:
        """So long nothing comes; timers fire, and what took too long is given up."""
        end = self.now + span
        while True:
            dues = [at + VALID for _, at in self.out] + [reply.at + VALID for reply in self.back]
            due = min([end, *dues, self.kernel.due or end])
            self._moves(max(0, due - self.now))
            self._give_up()
            self._carry(self.kernel.tick(self.now))
            if due >= end:
                return

    def _give_up(self) -> None:
        old = [sent for sent in self.out if sent.at + VALID <= self.now]
        self.out = [sent for sent in self.out if sent.at + VALID > self.now]
        late = [reply for reply in self.back if reply.at + VALID <= self.now]
        self.back = [reply for reply in self.back if reply.at + VALID > self.now]
        for request, at in [*old, *((reply.request, reply.at) for reply in late)]:
            self._answered(Reply(request, at, (0, b"")))

    def _answered(self, reply: Reply) -> None:
        request, (status, data) = reply.request, reply.answer
        frame = Frame(self.now, request.lane, "failed", request=request, reason="timed out")
        if status:
            frame = Frame(
                self.now,
                request.lane,
                "response",
                data,
                request=request,
                status=status,
                retry_after=reply.wait,
            )
        self._carry(self.kernel.step(frame))

    def _obeyed(self, request: Request, at: Nanos, *, stale: bool = False) -> Answer:
        """The exchange does it, unless it is too old; a page may be one that was taken before."""
        if self.now - at >= VALID:
            return 400, b'{"error":"time"}'
        answer = self.exchange.ask(request)
        if request.changes:
            return answer
        pages = self._pages.setdefault(request.url, [])
        pages.append((self.now, answer))
        while pages[0][0] < self.now - LAG:
            pages.pop(0)
        return pages[0][1] if stale else answer

    # Rest

    def rest(self, span: Nanos = CALM) -> None:
        """Nothing goes wrong any more, for so long."""
        end = self.now + span
        while self.limbo:
            self.arrive_late(0)
        while self.now < end:
            self.flush()
            due = self.kernel.due or end
            self.wait(max(0, min(due, end) - self.now))
        self.flush()

    def flush(self) -> None:
        """Everything that is on its way arrives."""
        while self.out or self.back or self.dialled or self.exchange.stream:
            while self.dialled:
                self.dial()
            while self.out:
                self.arrive(0, "answered")
            while self.back:
                self.reply(0)
            while self.exchange.stream:
                self.hear()
