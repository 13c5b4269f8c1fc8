"""The later frames that name what a request was about: what an order that never was cannot have."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tapefold.adapter import Request, Taping, load_adapter
from tapefold.errors import SessionError
from tapefold.overlay.draft import Draft
from tapefold.session.tape import frame_data

_IS_NUMBER: Final = re.compile(rb"-?[0-9]+").fullmatch


def naming(draft: Draft, requests: Iterable[int], tapings: Mapping[str, Taping]) -> list[int]:
    """Received lines below these requests that name an id of one: its own, or its recorded answer's.

    A word is named where it is a whole value in quotes, whatever the field; a number only as the value
    of a field that is one of ids, since 7 is a price, a size and a count as well. *tapings*, by exchange,
    tell which fields are ids; those that are not in it the adapters tell. Raises `SessionError` where
    no id is found, and `AdapterError`.
    """
    first: dict[bytes, int] = {}
    fields: set[str] = set()
    for i in requests:
        request = draft.request(i)
        exchange = request.lane.partition("/")[0]
        taping = tapings.get(exchange) or load_adapter(exchange).description.taping
        fields |= taping.minted | taping.order_ids
        for word in _ids(request, draft, taping):
            first.setdefault(word.encode(), i)
    if not first:
        raise SessionError("effects = 'drop': neither the request nor its answer has an id")
    pattern = _pattern(first, map(str.encode, fields))
    return [
        i
        for i, row in enumerate(draft.rows)
        if row.line.kind == "recv"
        and any(
            first[found["number"] or found["word"]] < i
            for found in pattern.finditer(frame_data(row.line))
        )
    ]


def _pattern(ids: Iterable[bytes], fields: Iterable[bytes]) -> re.Pattern[bytes]:
    """Where one of these is named, as a `number` or as a `word`."""
    numbers = _any(each for each in ids if _IS_NUMBER(each))
    words = _any(each for each in ids if not _IS_NUMBER(each))
    # Looking for what may not stand there, so that the beginning and the end of a frame are well, too.
    return re.compile(
        rb'\\*"(?:'
        + _any(fields)
        + rb')\\*"\s*:\s*\\*"?(?P<number>'
        + numbers
        + rb')(?![^"\\\],}\s])'
        rb'|(?<![^"\[:,\s])(?P<word>' + words + rb')(?![^"\],}\s])'
    )


def _any(words: Iterable[bytes]) -> bytes:
    """A pattern for any of them; for nothing where there are none."""
    return b"|".join(map(re.escape, sorted(words, reverse=True))) or rb"(?!)"


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
        # Of Python's types True is an int, and 1: an order may have that number.
        if name in names and isinstance(value, str | int) and not isinstance(value, bool):
            yield from [str(value)] if value not in ("", 0) else []


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield name, inner
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in cast("Sequence[Any]", value):
            yield from _fields(inner)
