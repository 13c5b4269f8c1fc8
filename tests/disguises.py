"""A secret in disguise: the ways in which one has been seen to get out, and a few more."""

import base64
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

Bytes = Callable[[bytes], bytes]
SECRETS: Final[Mapping[str, str]] = {
    "letters and digits": "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    "base64": base64.b64encode(bytes(range(40, 88))).decode(),
    "a UUID": "1f0e2b6c-83a1-4d60-9a55-0a8f2f7c9d11",
}


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _fields(text: str, count: int) -> str:
    size = len(text)
    pieces = {f"f{n}": text[n * size // count : (n + 1) * size // count] for n in range(count)}
    return json.dumps(pieces)


def _words(secret: str) -> Iterator[tuple[str, str]]:
    data = secret.encode()
    yield "as it is", secret
    yield "in a sentence", f"no such key: {secret}."
    for offset in range(4):
        yield f"base64 at offset {offset}", _b64(b"x" * offset + data + b"yy").decode()
    yield "base64 of URLs", base64.urlsafe_b64encode(data).decode()
    yield "base64 of JSON", _b64(json.dumps({"k": "v", "s": secret, "z": 1}).encode()).decode()
    yield "base64 twice", _b64(_b64(data)).decode()
    yield "basic authentication", "Basic " + _b64(b"user:" + data).decode()
    yield "hex", data.hex()
    yield "HEX", data.hex().upper()
    yield "hex with spaces", data.hex(" ")
    yield "hex as a list", ", ".join(f"0x{byte:02x}" for byte in data)
    yield "hex of base64", _b64(data).hex()
    yield "base64 of hex", _b64(data.hex().encode()).decode()
    yield "percent where needed", quote(secret, safe="") + "%21"
    yield "percent throughout", "".join(f"%{byte:02x}" for byte in data)
    yield "quoted twice", quote("".join(f"%{byte:02X}" for byte in data), safe="")
    yield "escapes", "".join(f"\\u{ord(char):04x}" for char in secret)
    yield "backwards", secret[::-1]
    yield "half of it", secret[: len(secret) // 2]
    yield "twelve characters of the middle", secret[9:21]
    yield "in other letters", secret.swapcase() if secret.swapcase() != secret else secret.upper()


def _structures(secret: str) -> Iterator[tuple[str, str]]:
    yield "in two fields", _fields(secret, 2)
    yield "in five fields", _fields(secret, 5)
    yield "pieces of four", json.dumps([secret[n : n + 4] for n in range(0, len(secret), 4)])
    yield "JSON in JSON", json.dumps({"body": json.dumps({"k": secret})})
    yield "JSON in JSON in JSON", json.dumps({"a": json.dumps({"b": json.dumps({"c": secret})})})
    yield "in a URL", f"https://h.test/api/{quote(secret, safe='')}/x?a=1"
    yield "in a query", f"https://h.test/x?a={quote(secret, safe='')}&b=2"
    yield "what is signed", f"symbol=ETHUSDT&secretKey={secret}&timestamp=1"
    yield "in two parameters", f"a={quote(secret[:10], safe='')}&b={quote(secret[10:], safe='')}"


def _packed(secret: str) -> Iterator[tuple[str, bytes]]:
    data = secret.encode()
    yield "gzip", gzip.compress(b"head " + data, mtime=0)
    yield "zlib", zlib.compress(data)
    yield "deflate", zlib.compress(data)[2:-4]
    yield "gzip of base64", gzip.compress(_b64(data), mtime=0)
    yield "gzip that was cut off", gzip.compress(data, mtime=0)[:-8]
    yield "msgpack", b"\x81\xa1k\xd9\x40" + data
    yield "UTF-16", secret.encode("utf-16")


def disguises(secret: str) -> Iterator[tuple[str, bytes]]:
    """The name of a disguise, and the secret in it; text or binary."""
    for name, text in (*_words(secret), *_structures(secret)):
        yield name, text.encode()
    for name, data in _packed(secret):
        yield name, data
        yield f"{name}, in base64", _b64(data)


_STEPS: Final[Mapping[str, Bytes]] = {
    "base64": _b64,
    "base64 of URLs": base64.urlsafe_b64encode,
    "hex": lambda data: data.hex().encode(),
    "HEX, spaced": lambda data: data.hex(" ").upper().encode(),
    "percent": lambda data: "".join(f"%{byte:02x}" for byte in data).encode(),
    "escapes": lambda data: "".join(f"\\u{byte:04x}" for byte in data).encode(),
    "JSON": lambda data: json.dumps({"k": data.decode("latin-1")}).encode(),
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zlib": zlib.compress,
}


def nested(secret: str, seed: int, depth: int) -> tuple[str, bytes]:
    """So many encodings, one over the other; their names, and what comes of it."""
    names = random.Random(seed).choices([*_STEPS], k=depth)
    data = secret.encode()
    for name in names:
        data = _STEPS[name](data)
    return ", ".join(names), data


def shows(secret: str, text: str) -> bool:
    """Whether eleven characters in a row of *secret* stand in *text*, either way round, in any letters."""
    low, where = secret.lower(), text.lower()
    runs = {way[n : n + 11] for way in (low, low[::-1]) for n in range(len(low) - 10)}
    return any(run in where for run in runs)
