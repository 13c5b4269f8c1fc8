"""Long words that look like keys, in traffic that nobody else sees.

A list of secrets knows only what it was told of. What an exchange mints and no rule names, such as a
new kind of session token, is noticed by its looks. Numbers have no such looks: account numbers must be
declared.
"""

import re
from collections.abc import Collection, Iterable, Iterator

_LONG = re.compile(rb"[A-Za-z0-9_+-]{24,}")
_HEX = re.compile(rb"[0-9a-fA-F]{32}")
_CLASSES = (re.compile(rb"[a-z]"), re.compile(rb"[A-Z]"), re.compile(rb"[0-9]"))
_FIELD = re.compile(rb"(?:^|[\"'?&\s{,])([A-Za-z_]{1,23})(?:\\*[\"']?\s*:(?!//)|=)")
_BEFORE = 128


def looks_like_a_key(word: bytes) -> bool:
    """Small letters, capitals and digits in 24 characters or more, or 32 hex digits in a row.

    From 48 on two of the three are enough: listen keys have small letters and digits alone.
    """
    if len(word) < 24:
        return False
    kinds = sum(kind.search(word) is not None for kind in _CLASSES)
    return kinds == 3 or (kinds == 2 and len(word) >= 48) or _HEX.search(word) is not None


def unknown(text: bytes, known: Collection[bytes], stands: Iterable[bytes]) -> str:
    """What is to be said of the first word that looks like a key and is not *known*; else nothing.

    *stands* may be parts of longer words, as a listen key is of the name of a stream.
    """
    if not any(_keys(text, known)):
        return ""
    for word in stands:
        text = text.replace(word, b" " * len(word))
    for match in _keys(text, known):
        names = _FIELD.findall(text[max(0, match.start() - _BEFORE) : match.start()])
        field = f" in field {names[-1].decode()!r}" if names else ""
        return f"a word of {len(match[0])} characters{field} that no rule names"
    return ""


def _keys(text: bytes, known: Collection[bytes]) -> Iterator[re.Match[bytes]]:
    for match in _LONG.finditer(text):
        if looks_like_a_key(match[0]) and match[0] not in known:
            yield match
