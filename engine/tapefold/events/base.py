"""What every event is."""

from msgspec import Struct


def _tag(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class Event(Struct, frozen=True, array_like=True, kw_only=True, gc=False, tag=_tag):
    """What every event is. It has no fields, and never will: a base's fields would move all others."""
