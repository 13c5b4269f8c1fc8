"""The later frames that name what a request was about: what an order that never was cannot have."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tapefold.adapter import Request, Taping, load_adapter
from tapefold.errors import SessionError
from tapefold.overlay.draft import Draft
from tapefold.session.tape import frame_data


def naming(draft: Draft, requests: Iterable[int], tapings: Mapping[str, Taping]) -> list[int]:
    """Received lines below these requests that name an id of one: its own, or its recorded answer's.

    An id is named where it is a whole value of JSON, as a number or in quotes. *tapings*, by exchange,
    tell which fields are ids; those that are not in it the adapters tell. Raises `SessionError` where
    no id is found, and `AdapterError`.
    """
    first: dict[bytes, int] = {}
    for i in requests:
        request = draft.request(i)
        exchange = request.lane.partition("/")[0]
        taping = tapings.get(exchange) or load_adapter(exchange).description.taping
        for word in _ids(request, draft, taping):
            first.setdefault(word.encode(), i)
    if not first:
        raise SessionError("effects = 'drop': neither the request nor its answer has an id")
    words = b"|".join(map(re.escape, sorted(first)))
    # Looking for what may not stand there, so that the beginning and the end of a frame are well, too.
    pattern = re.compile(rb'(?<![^"\[:,\s])(?:' + words + rb')(?![^"\],}\s])')
    return [
        i
        for i, row in enumerate(draft.rows)
        if row.line.kind == "recv"
        and any(first[found[0]] < i for found in pattern.finditer(frame_data(row.line)))
    ]


def _ids(request: Request, draft: Draft, taping: Taping) -> Iterator[str]:
    query = parse_qsl(urlsplit(request.url).query)
    yield from (value for name, value in query if name in taping.minted)
    yield from _named(request.body, taping.minted)
    answer = draft.changed.get(request.n) or draft.recorded(request.n)
    if answer:
        yield from _named(answer.body.decode(errors="replace"), taping.order_ids)


def _named(text: str, names: frozenset[str]) -> Iterator[str]:
    """The values of fields of these names, in JSON at any depth, or in a form."""
    rows: Sequence[tuple[str, Any]]
    try:
        rows = [*_fields(msgspec.json.decode(text))]
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors too
        rows = parse_qsl(text)
    for name, value in rows:
        if name in names and isinstance(value, str | int) and value not in ("", 0, True, False):
            yield str(value)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield name, inner
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in cast("Sequence[Any]", value):
            yield from _fields(inner)
