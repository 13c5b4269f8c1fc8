"""What is asked and heard, with stand-ins for what must not be kept. All other bytes stay."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec.structs import replace

from tapefold.adapter import (
    Adopt,
    Close,
    Command,
    Frame,
    Open,
    Outgoing,
    Request,
    Send,
)
from tapefold.session.tape import read_command, told

_encode = msgspec.json.encode
_headers = msgspec.json.Decoder(dict[str, str]).decode


class Guard(Protocol):
    """One exchange's: it knows what is secret there, and what is to be masked (`tapefold.guard`)."""

    def mask(self, text: str) -> str:
        """The text with stand-ins, each of the same shape as what it stands for."""
        ...

    def mask_id(self, value: str) -> str:
        """What is written for an exchange's id of an order."""
        ...

    def learn(self, text: str) -> None:
        """See the tokens that an answer gives, so that they are masked from then on."""
        ...

    def check(self, data: str | bytes, where: str, *, private: bool = False) -> None:
        """Raise `Refused` where a secret is in it; *where* is for its message."""
        ...

    @property
    def masked(self) -> list[str]:
        """The names of what was masked."""
        ...


def mask_out(guard: Guard, out: Outgoing) -> Outgoing:
    """What the kernel asked for."""
    match out:
        case Open():
            return replace(out, url=guard.mask(out.url))
        case Send():
            return replace(out, text=guard.mask(out.text))
        case Close():
            return replace(out, reason=guard.mask(out.reason))
        case Request():
            return replace(
                out,
                url=guard.mask(out.url),
                body=guard.mask(out.body),
                headers=mask_headers(guard, out.headers),
            )


def mask_frame(guard: Guard, frame: Frame) -> Frame:
    """What came in. Bytes that are no text stay as they are: they are only checked."""
    data, reason = frame.data, frame.reason
    try:
        text = data.decode()
    except UnicodeDecodeError:
        pass
    else:
        guard.learn(text)
        masked = guard.mask(text)
        if masked != text:
            data = masked.encode()
    if reason:
        reason = guard.mask(reason)
    if data is frame.data and reason == frame.reason:
        return frame
    return replace(frame, data=data, reason=reason)


def mask_headers(guard: Guard, headers: dict[str, str]) -> dict[str, str]:
    """Headers, by name as well as by value. Raises `ValueError` where a stand-in breaks them."""
    return _headers(guard.mask(_encode(headers).decode())) if headers else headers


def mask_command(guards: Mapping[str, Guard], command: Command) -> Command:
    """What the engine was told, by every guard. Raises `ValueError` where a stand-in breaks it."""
    for guard in guards.values():
        command = read_command(guard.mask(told(command).decode()))
    if isinstance(command, Adopt) and command.exchange in guards:
        own = guards[command.exchange].mask_id(command.exchange_order_id)
        command = replace(command, exchange_order_id=own)
    return command
