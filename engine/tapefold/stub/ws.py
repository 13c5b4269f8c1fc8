"""One URL's WebSocket side of a stub: its clients, what they are told, and what answers them."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict, Unpack, cast

import msgspec
import trio

from tapefold.peer import Handshake, Peer, PeerClosed, Refusal
from tapefold.stub.journal import (
    Cause,
    Connected,
    Done,
    Entry,
    Journal,
    Left,
    Refused,
    Said,
    check_cause,
    frame_value,
    heard,
)
from tapefold.stub.matching import Text, shown, turn_of
from tapefold.stub.script import Script, Step
from tapefold.stub.server import Tap


class Scripted(TypedDict, total=False):
    """When a scripted step is due, and for whom."""

    after: Cause
    """What must have come; not given: nothing."""
    delay: float
    """Seconds later. In virtual time they cost nothing."""
    client: int
    """For this client alone, counted from 0; else for all that are there."""
    optional: bool
    """It need not come to it."""


class Reply:
    """A rule: what answers what a client says. As a cause: a client has said it, and was answered."""

    def __init__(
        self, what: Text | bytes | Mapping[str, Any], data: Any, echo: Sequence[str]
    ) -> None:
        self.what, self.data, self.echo = what, data, echo
        self.times: int | None = None
        self.optional = False
        self.used = 0

    def caused_by(self, entry: Entry) -> bool:
        """A client has said it."""
        return isinstance(entry, Said) and entry.matched is self

    def answer(self, said: str | bytes) -> str | bytes | None:
        """What is said, with the ids of what it answers."""
        if self.data is None:
            return None
        fields: dict[str, Any] = {}
        if self.echo and isinstance(asked := frame_value(said), dict):
            fields = cast("dict[str, Any]", asked)
        echoed = {name: fields[name] for name in self.echo if name in fields}
        return frame({**self.data, **echoed} if echoed else self.data)


class Client:
    """A client that is, or was, connected. It has a writer of its own: a slow one delays no other."""

    def __init__(self, number: int, peer: Peer, tap: Tap) -> None:
        self.number, self.peer, self.tap = number, peer, tap
        self.here = True
        self._todo, self._next = trio.open_memory_channel[Callable[[], Any]](math.inf)

    def tell(self, data: str | bytes) -> None:
        """Send, after what was asked for before."""
        self._todo.send_nowait(partial(self.peer.send, data))

    def do(self, act: Callable[[Peer], Any]) -> trio.Event:
        """Do something with the peer, after what was asked for before; set when it is done."""
        done = trio.Event()

        async def doing() -> None:
            try:
                await act(self.peer)
            finally:
                done.set()

        self._todo.send_nowait(doing)
        return done

    async def write(self) -> None:
        """Do what is to be done; never comes back."""
        async for act in self._next:
            try:
                await act()
            except PeerClosed:
                continue


class Endpoint:
    """A URL's WebSocket side. Made by `Stub.ws`. As a cause: a client is connected."""

    def __init__(self, given: str, url: str, journal: Journal, nursery: trio.Nursery) -> None:
        self.given, self.url = given, url
        self.unmatched: list[str] = []
        """What clients said and no rule is for."""
        self.clients: list[Client] = []
        """All that ever came, in order."""
        self._journal, self._nursery = journal, nursery
        self._script = Script(journal)
        self._rules: list[list[Reply]] = []
        self._refusals: list[tuple[float, Refusal]] = []
        nursery.start_soon(self._script.run)

    def caused_by(self, entry: Entry) -> bool:
        """A client is connected."""
        return isinstance(entry, Connected) and entry.url == self.given

    def reply(
        self,
        what: Text | bytes | Mapping[str, Any],
        data: Any,
        *,
        echo: Sequence[str] = (),
        times: int | None = None,
        optional: bool = False,
    ) -> Reply:
        """Answer what has this text, pattern or these fields in it; None: hear it, and say nothing.

        *echo* names the keys whose values are copied from the one to the other. The first rule that
        fits answers; several for the same take turns. Once there is a rule, what none fits is a failure.
        """
        rule = Reply(what, data, echo)
        rule.times, rule.optional = times, optional
        if echo and not isinstance(data, Mapping):
            raise ValueError("only an answer with fields can echo some")
        turns = next((turns for turns in self._rules if turns[0].what == what), None)
        if turns is None:
            self._rules.append([rule])
        else:
            turns.append(rule)
        return rule

    async def send(self, data: Any, *, client: int | None = None) -> None:
        """Send text or bytes as they are, all else as JSON: to all clients, or to one.

        Waits for the first client if none is there, and until it is written. What one that has left
        is sent is lost, as on any wire.
        """
        await self._do(client, lambda peer: peer.send(frame(data)))

    async def ping(self, *, client: int | None = None) -> None:
        """Wait until the clients have taken in all that was sent to them."""
        await self._do(client, Peer.ping)

    async def close(self, code: int = 1000, reason: str = "", *, client: int | None = None) -> None:
        """Close, with a close frame. Waits for a client as `send` does."""
        await self._do(client, lambda peer: peer.close(code, reason))

    async def cut(self, *, client: int | None = None) -> None:
        """Hang up without a close frame. Waits for a client as `send` does."""
        await self._do(client, Peer.cut)

    def script(self, send: Any, **when: Unpack[Scripted]) -> Step:
        """Send something later: after a cause, after a delay, or both."""
        text = f"send {shown(send)}"
        return self._add(when, text, lambda peer: peer.send(frame(send)))

    def script_close(self, code: int, reason: str = "", **when: Unpack[Scripted]) -> Step:
        """Close later; 1006: cut."""
        if code == 1006:
            return self._add(when, "cut", Peer.cut)
        return self._add(when, f"close {code}", lambda peer: peer.close(code, reason))

    def refuse(
        self,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        times: int | None = 1,
    ) -> None:
        """Refuse the next clients with an HTTP status; 0: hang up on them; *times* None: all of them."""
        refusal = Refusal(status, body, tuple((headers or {}).items()))
        self._refusals.append((math.inf if times is None else times, refusal))

    def freeze(self, client: int) -> None:
        """Half open: it stays connected, and nothing that it says is heard, pings and closes neither."""
        self.clients[client].tap.thawed = trio.Event()

    def unused(self) -> list[str]:
        """Rules and steps that were never used and are not optional, for people."""
        rules = [
            f"the reply to {shown(rule.what)} at {self.given}"
            for turns in self._rules
            for rule in turns
            if not rule.optional and rule.used < (rule.times or 1)
        ]
        return rules + [f"{text} at {self.given}" for text in self._script.undone()]

    async def attend(self, peer: Peer, tap: Tap) -> None:
        """One client from its handshake to its end."""
        client = Client(len(self.clients), peer, tap)
        self.clients.append(client)
        self._nursery.start_soon(client.write)
        self._journal.add(Connected(self.given, client.number, peer.url, peer.headers))
        self._script.somebody_came()
        try:
            while True:
                self._hear(client, await peer.receive())
        except PeerClosed as end:
            client.here = False
            self._journal.add(Left(self.given, client.number, end.code, end.reason, end.ours))
        await peer.gone()

    def decide(self, asked: Handshake) -> Refusal | None:
        """Is a client let in?"""
        if not self._refusals:
            return None
        left, refusal = self._refusals.pop(0)
        if left > 1:
            self._refusals.insert(0, (left - 1, refusal))
        self._journal.add(Refused(self.given, asked.url, asked.headers, refusal.status))
        return refusal

    def _hear(self, client: Client, data: str | bytes) -> None:
        fitting = (turns for turns in self._rules if heard(turns[0].what, data))
        rule = next((rule for turns in fitting if (rule := turn_of(turns))), None)
        if rule:
            rule.used += 1
            answer = rule.answer(data)
            if answer is not None:
                client.tell(answer)
        elif self._rules:
            self.unmatched.append(f"client {client.number} of {self.given} said {shown(data)}")
        self._journal.add(Said(self.given, client.number, data, rule))

    def _add(self, when: Scripted, text: str, act: Callable[[Peer], Any]) -> Step:
        client, after = when.get("client"), when.get("after")
        check_cause(after)

        async def do(peer: Peer) -> None:
            await act(peer)
            self._journal.add(Done(self.given, step))

        step = Step(lambda: bool(self._ask(client, do)), after, when.get("delay", 0.0), text)
        step.optional = when.get("optional", False)
        self._script.add(step)
        return step

    async def _do(self, client: int | None, act: Callable[[Peer], Any]) -> None:
        while not (asked := self._ask(client, act)):
            await self._journal.seen(self, len(self.clients) + 1)
        for done in asked:
            await done.wait()

    def _ask(self, client: int | None, act: Callable[[Peer], Any]) -> list[trio.Event]:
        """Ask those whom it is for to do it; nobody where they have not come."""
        return [one.do(act) for one in self._chosen(client)]

    def _chosen(self, client: int | None) -> list[Client]:
        if client is None:
            return [one for one in self.clients if one.here]
        return self.clients[client : client + 1]


def frame(data: Any) -> str | bytes:
    """Text and bytes as they are, all else as JSON in one line without spaces."""
    return data if isinstance(data, str | bytes) else msgspec.json.encode(data).decode()
