"""Signing: the only place that sees a secret. No error of it tells any of it.

A secret is a text for HMAC-SHA256, or an Ed25519 key: in PEM, or as the base64 of its PKCS #8 form.
Over HTTP the bytes that are sent are signed, percent-encoded as they are; on the WebSocket API the
plain text of the parameters, sorted by name. Listen keys (purposes `token` and `keep_alive`) want the
key in its header and no signature.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapefold import AdapterError, Nanos, Request, Send

_MILLISECOND: Final = 1_000_000
_ED25519: Final = bytes.fromhex("06032b6570")
"""Its object identifier: in the first bytes of every key of this kind in PKCS #8."""
_IS_KEY = re.compile(r"[!-~]+", re.ASCII).fullmatch
"""What a header can carry."""
_HEADER_ONLY: Final = frozenset({"token", "keep_alive"})

AskedT = TypeVar("AskedT", Request, Send)


class _Message(Struct):
    """A request of the WebSocket API."""

    id: str | int
    method: str
    params: dict[str, str | int]


_message = msgspec.json.Decoder(_Message).decode


def signed(asked: AskedT, keys: Mapping[str, str], time: Nanos) -> AskedT:
    """The same, signed at *time* with the `key` and `secret` of *keys*.

    Raises `AdapterError` where they are no key and secret, or the text to sign is no request.
    """
    key, secret = keys.get("key", ""), keys.get("secret", "")
    if not _IS_KEY(key):
        raise AdapterError("the API key is missing, or has blanks or letters that no key has")
    stamp = time // _MILLISECOND
    if isinstance(asked, Send):
        return replace(asked, text=_signed_text(asked.text, key, secret, stamp))
    headers = {**asked.headers, "X-MBX-APIKEY": key}
    if asked.purpose in _HEADER_ONLY:
        return replace(asked, headers=headers)
    url, body = _signed_parts(asked.url, asked.body, secret, stamp)
    return replace(asked, url=url, body=body, headers=headers)


def _signed_parts(url: str, body: str, secret: str, stamp: int) -> tuple[str, str]:
    """What is added stands at the end of the body, or of the query where there is no body."""
    path, _, query = url.partition("?")
    rows = body or query
    rows += f"{'&' if rows else ''}timestamp={stamp}"
    payload = query + rows if body else rows
    rows += f"&signature={quote(signature(secret, payload.encode()), safe='')}"
    return (url, rows) if body else (f"{path}?{rows}", "")


def _signed_text(text: str, key: str, secret: str, stamp: int) -> str:
    try:
        message = _message(text)
    except ValueError:
        raise AdapterError("what is to be signed is no request of the WebSocket API") from None
    params = {**message.params, "apiKey": key, "timestamp": stamp}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["signature"] = signature(secret, payload.encode())
    return msgspec.json.encode(_Message(message.id, message.method, params)).decode()


def signature(secret: str, payload: bytes) -> str:
    """The signature of *payload*: of HMAC as hex, of Ed25519 as base64. Raises `AdapterError`."""
    secret = secret.strip()
    der = _unpacked(secret)
    if secret.startswith("-----BEGIN") or (der[:1] == b"0" and _ED25519 in der[:24]):
        return base64.b64encode(_ed25519(secret, der, payload)).decode()
    if not (secret and secret.isascii()):
        raise AdapterError("the API secret is missing, or is neither a text of HMAC nor a key")
    return hmac.new(secret.encode(), payload, sha256).hexdigest()


def _unpacked(secret: str) -> bytes:
    """The secret as base64; empty where it is none."""
    try:
        return base64.b64decode(secret, validate=True)
    except ValueError:
        return b""


def _ed25519(secret: str, der: bytes, payload: bytes) -> bytes:
    # Loading this takes as long as all the rest of the engine: whoever signs with HMAC need not wait.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        load_der_private_key,
        load_pem_private_key,
    )

    key: object = None
    try:
        if secret.startswith("-----BEGIN"):
            key = load_pem_private_key(secret.encode(), None)
        else:
            key = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass  # what they say may quote the key; so nothing of it is kept, not even as a context
    if not isinstance(key, Ed25519PrivateKey):
        raise AdapterError("the API secret is no Ed25519 private key without a password")
    return key.sign(payload)
