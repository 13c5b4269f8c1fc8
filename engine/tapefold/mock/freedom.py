"""Which traffic is free: by what an adapter declares, and a session adds to it."""

import re
from collections.abc import Mapping

from tapefold.adapter import Free, Taping
from tapefold.mock.match import request_fields


def free_request(taping: Taping, fields: Mapping[str, str]) -> Free | None:
    """The rule by which a request is free."""
    name = f"{fields['method']} {fields['path']}"
    for rule in taping.free:
        path, _, query = rule.match.partition("?")
        if not rule.reply and path == name and (not query or _asks(fields, query, taping)):
            return rule
    return None


def _asks(fields: Mapping[str, str], query: str, taping: Taping) -> bool:
    """Whether a request has just this query."""
    wanted = request_fields("", f"?{query}", {}, "", taping)
    return _query(fields) == _query(wanted)


def _query(fields: Mapping[str, str]) -> dict[str, str]:
    return {path: value for path, value in fields.items() if path.startswith("query.")}


def free_frame(taping: Taping, data: str | bytes) -> Free | None:
    """The rule by which a frame of the client's is free."""
    if isinstance(data, bytes):
        return None
    return next((rule for rule in taping.free if rule.reply and re.search(rule.match, data)), None)
