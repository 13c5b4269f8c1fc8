"""What each exchange's guard knows of credentials, and what stands in for them."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from tapefold.adapter import AccountRules, Adapter
from tapefold.errors import BadInput
from tapefold.guard import Guard, Leak, MaskedIds, run_stand
from tapefold.record.scribe import LOOK, OVERLAP
from tapefold.session import Meta, Start
from tapefold.session.start import NAME as START

Keys: TypeAlias = Mapping[str, Mapping[str, str]]
"""By exchange, its credentials by their names."""
SHORTEST: Final = 6
"""Characters of a credential. A shorter one cannot be told from ordinary text."""
_encode = msgspec.json.encode


def stand_ins(adapter: Adapter, given: Mapping[str, str]) -> dict[str, str]:
    """What a recording has, and is played with, for each of the credentials that were *given*."""
    special = _rules(adapter).stand_ins
    return {name: special.get(name, f"{name}1") for name, value in given.items() if value}


def guards_of(
    adapters: Mapping[str, Adapter],
    meta: Meta,
    secrets: Mapping[str, str],
    keys: Keys,
    *,
    mask_ids: bool = False,
) -> dict[str, Guard]:
    """A guard for each exchange of *adapters*; what stands in for what is noted in *meta*.

    Every guard looks for the credentials of all exchanges, and for *secrets*; an API key is masked in
    the traffic of its own exchange, and refused in that of others. Raises `BadInput` for a credential
    that is no text, and `Leak` for one that is too short, or stands in *meta*.
    """
    _check(keys)
    given = {exchange: dict(keys.get(exchange, {})) for exchange in adapters}
    stands = {exchange: stand_ins(adapters[exchange], given[exchange]) for exchange in adapters}
    meta.credentials = {exchange: own for exchange, own in stands.items() if own}
    run_id = meta.run_id
    if mask_ids:
        meta.masked_ids, meta.run_id = True, run_stand(run_id)
    guards: dict[str, Guard] = {}
    for exchange, adapter in adapters.items():
        sent = _rules(adapter).sent
        identities = {
            name: value for name, value in given[exchange].items() if value and name in sent
        }
        sought = {
            name: value
            for name, value in _sought(keys, stands).items()
            if value not in identities.values()
        }
        ids = MaskedIds(run_id) if mask_ids else None
        taping = adapter.description.taping
        guards[exchange] = Guard(taping, {**secrets, **sought}, identities, ids=ids)
    said = _encode(meta)
    for guard in guards.values():
        guard.check(said, "session.toml")
    return guards


def check_start(start: Start, guards: Iterable[Guard]) -> None:
    """That a recording may hold what the log had come to. Raises `Leak`.

    In parts, as a file is looked through at the end: the time that it takes grows faster than a text.
    """
    data = start.encoded()
    for guard in guards:
        for first in range(0, len(data), LOOK):
            guard.check(data[max(0, first - OVERLAP) : first + LOOK], START)


def _sought(keys: Keys, stands: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """All credentials that may not be written, by their exchange's name and their own.

    Of a session that is played they are the stand-ins, and no secrets.
    """
    return {
        f"{exchange} {name}": value
        for exchange, given in keys.items()
        for name, value in given.items()
        if value and value != stands.get(exchange, {}).get(name)
    }


def _check(keys: Keys) -> None:
    """That each can be searched for."""
    for exchange, given in keys.items():
        for name, value in given.items():
            if type(value) is not str:
                raise BadInput(f"of the keys of {exchange}, {name} is no text")
            # A stand-in is known to everybody, and may have any length.
            if value and len(value) < SHORTEST and value != f"{name}1":
                raise Leak(
                    f"the {name} of {exchange} is shorter than {SHORTEST} characters and cannot be told "
                    "from ordinary text: use a longer one, or open the engine without record"
                )


def _rules(adapter: Adapter) -> AccountRules:
    return adapter.description.account or AccountRules(sent=())
