"""`requests`: secrets show in what `sign` gives, where they must, and nowhere else."""

import base64
import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from tapefold.adapter import Request, Send, Trader
from tapefold.testing.conformance.asking import asked
from tapefold.testing.conformance.checks import Check, Found, told

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

TIME: Final = 1_767_614_400_000_000_000
"""2026-01-05 12:00 UTC, in nanoseconds."""
CANARY: Final = "Cnry7Qp9Zr4Tv1Wm5Kc8Jn2Hb6Gf3Dy0"
"""In every key of ours: where it shows, a secret would."""


def requests(subject: "Subject") -> Found:
    """Sign everything, with keys that can be found again."""
    trader = subject.trader
    if trader is None:
        return Found(0, 0, note="it does not trade")
    rules = trader.description.account
    assert rules is not None
    keys = {
        name: rules.stand_ins.get(name, f"{CANARY}{n}") for n, name in enumerate(rules.credentials)
    }
    native = trader.description.example.replace("-", "")
    failures: dict[str, None] = {}
    signed = 0
    for name, ask in [*asked(trader, native)]:
        failures.update(dict.fromkeys(_signing(trader, name, ask, keys)))
        signed += ask.signed
    for name, ask in asked(trader, native):  # it has seen the keys by now, and may not keep them
        if _shows(_all_of(ask), keys.values()) or _shows(repr(ask), keys.values()):
            failures[f"{name} shows a key before it is signed"] = None
    failures.update(dict.fromkeys(_errors(trader, native, keys)))
    if _shows(repr(trader), keys.values()) or _shows(repr(vars(trader)), keys.values()):
        failures["the adapter keeps a key that it was given to sign with"] = None
    return Found(signed, signed, told([*failures]))


def _signing(
    trader: Trader, name: str, ask: Request | Send, keys: Mapping[str, str]
) -> Iterator[str]:
    """What is wrong with how one request is signed."""
    rules = trader.description.account
    assert rules is not None
    if not ask.signed:
        return
    before = _all_of(ask)
    try:
        one = _signed(trader, ask, keys)
        two = _signed(copy.deepcopy(trader), ask, keys)
    except Exception as error:  # of whatever kind: it takes none of the keys that it asks for
        yield f"{name} cannot be signed with the declared stand-ins: {type(error).__name__}"
        return
    if one != two:
        yield f"{name} signed twice at one time gives two requests"
    if _all_of(ask) != before:
        yield f"sign changes the {name} that it is given"
    hidden = [value for key, value in keys.items() if key not in rules.sent]
    if _shows(_all_of(one), hidden):
        yield f"{name}, signed, shows a secret that never leaves ({', '.join(_unsent(rules.sent, keys))})"
    if _shows(repr(one), keys.values()):
        yield f"the repr of {name}, signed, shows a key"
    for part in ("purpose", "subject", "n", "lane", "attempt", "signed"):
        if getattr(one, part, None) != getattr(ask, part, None):
            yield f"sign changes the {part} of {name}"


def _signed(trader: Trader, ask: Request | Send, keys: Mapping[str, str]) -> Request | Send:
    if isinstance(ask, Send):
        return trader.sign(ask, keys, TIME)
    return trader.sign(ask, keys, TIME)


def _unsent(sent: tuple[str, ...], keys: Mapping[str, str]) -> list[str]:
    return [name for name in keys if name not in sent]


def _errors(trader: Trader, native: str, keys: Mapping[str, str]) -> Iterator[str]:
    """Give it keys that are none: what it says of them may not quote them."""
    bad: list[dict[str, str]] = [{}]
    for name in keys:
        others = {other: value for other, value in keys.items() if other != name}
        bad += [others, {**others, name: ""}]
        bad += [
            {**others, name: f"{keys[name]}{more}"} for more in ("\n", "\0", "\u0661", "\ud800")
        ]
        armour = f"-----BEGIN PRIVATE KEY-----\n{keys[name]}\n-----END PRIVATE KEY-----"
        bad.append({**others, name: armour})
    for name, ask in asked(trader, native):
        if not ask.signed:
            continue
        for given in bad:
            try:
                _signed(trader, ask, given)
            except Exception as error:  # whatever it is: it may not quote a key
                if _shows(_chain(error), [value for value in keys.values() if value]):
                    yield f"the error of sign, given wrong keys for {name}, quotes a key"


def _chain(error: BaseException | None) -> str:
    """All that a traceback would say of an error, and of those behind it."""
    said: list[str] = []
    while error is not None:
        said.append(repr(error) + repr(error.args) + "".join(getattr(error, "__notes__", ())))
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def _all_of(ask: Any) -> str:
    return msgspec.json.encode(ask).decode()


def _shows(text: str, values: Any) -> bool:
    """Whether a value stands in a text, as it is or in one of the usual encodings."""
    for value in values:
        data = value.encode(errors="replace")
        forms = (value, data.hex(), quote(value, safe=""), base64.b64encode(data).decode())
        if any(form and form.rstrip("=") in text for form in forms):
            return True
    return False


CHECKS: Final = (
    Check("requests", "keys show only in what sign gives, and secrets not even there", requests),
)
"""What is checked here."""
