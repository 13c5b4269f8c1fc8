"""Binance's signatures: every published vector, and no secret in any error.

Needs no door: signing is a pure function of what is asked, the keys and the time.
"""

import base64
import traceback
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from tapefold import AdapterError, Request, Send
from tapefold_adapters.binance import binance, binance_listen_key
from tapefold_adapters.binance.signing import signature, signed

# The example key of the exchange's documentation, which opens nothing.
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
KEYS = {"key": KEY, "secret": SECRET}
ED25519 = "MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u"
URL = "https://api.binance.com/api/v3/order"
MILLISECOND = 1_000_000
WIDE = "１２３４５６"
CANARY = "canary-7Qp0cX2vVb9sT4zW"


def posted(query: str, body: str = "", time: int = 1499827319559) -> Request:
    asked = Request("POST", f"{URL}?{query}", "place", "id-1", body, signed=True)
    return signed(asked, KEYS, time * MILLISECOND)


def sent(method: str, params: dict[str, str | int], time: int, **keys: str) -> dict[str, Any]:
    text = msgspec.json.encode({"id": "1", "method": method, "params": params}).decode()
    asked = signed(Send("binance/1", text, signed=True), {**KEYS, **keys}, time * MILLISECOND)
    message: dict[str, Any] = msgspec.json.decode(asked.text)
    assert (asked.lane, message["id"], message["method"]) == ("binance/1", "1", method)
    assert {**params, **message["params"]} == message["params"]
    assert message["params"]["timestamp"] == time
    found: dict[str, Any] = message["params"]
    return found


ORDER: dict[str, str | int] = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000000",
    "price": "52000.00",
    "recvWindow": 100,
}


# Over HTTP


def test_b1_a_query_is_signed_as_it_is_sent() -> None:
    query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
    assert posted(query) == Request(
        "POST",
        f"{URL}?{query}&timestamp=1499827319559"
        "&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        "place",
        "id-1",
        headers={"X-MBX-APIKEY": KEY},
        signed=True,
    )


def test_b2_letters_are_percent_encoded_before_they_are_signed() -> None:
    query = f"symbol={quote(WIDE)}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
    url = posted(f"{query}&recvWindow=5000").url
    assert "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&" in url
    assert url.endswith(
        "&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"
    )


def test_b3_query_and_body_are_signed_with_nothing_between_them() -> None:
    query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
    asked = posted(query, "quantity=1&price=0.1&recvWindow=5000")
    assert asked.url == f"{URL}?{query}"
    assert asked.body == (
        "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
        "&signature=0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
    )


def test_a_request_without_any_parameter_gets_a_query() -> None:
    url = signed(Request("GET", URL, "balances", signed=True), KEYS, 5 * MILLISECOND).url
    assert url == f"{URL}?timestamp=5&signature={signature(SECRET, b'timestamp=5')}"


def test_a_signature_in_base64_is_percent_encoded() -> None:
    asked = Request("GET", f"{URL}?recvWindow=5000", "order", signed=True)
    url = signed(asked, {"key": KEY, "secret": ED25519}, 5 * MILLISECOND).url
    expected = signature(ED25519, b"recvWindow=5000&timestamp=5")
    assert expected.endswith("==")
    assert url == f"{URL}?recvWindow=5000&timestamp=5&signature={quote(expected, safe='')}"


def test_a_listen_key_wants_the_header_and_no_signature() -> None:
    adapter = binance_listen_key()
    for asked in (adapter.token(), adapter.keep_alive("some/token")):
        assert asked is not None
        assert asked.signed
        out = adapter.sign(asked, KEYS, 5 * MILLISECOND)
        assert (out.url, out.headers) == (asked.url, {"X-MBX-APIKEY": KEY})


# On the WebSocket API


def test_b4_parameters_are_signed_in_the_order_of_their_names() -> None:
    assert sent("order.place", {**ORDER}, 1645423376532) == {
        **ORDER,
        "apiKey": KEY,
        "timestamp": 1645423376532,
        "signature": "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    }


def test_b5_letters_are_signed_as_they_are() -> None:
    order: dict[str, str | int] = {**ORDER, "symbol": WIDE, "side": "BUY", "quantity": "1.00000000"}
    order |= {"price": "0.10000000", "recvWindow": 5000}
    assert sent("order.place", order, 1645423376532)["signature"] == (
        "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd"
    )


@pytest.mark.parametrize("method", ["session.logon", "userDataStream.subscribe.signature"])
def test_b6_a_subscription_is_signed(method: str) -> None:
    assert sent(method, {}, 1649729878532)["signature"] == (
        "1cf54395b336b0a9727ef27d5d98987962bc47aca6e13fe978612d0adee066ed"
    )


def test_the_subscription_that_we_send_is_signed() -> None:
    adapter = binance()
    (text,) = adapter.account_stream("").messages
    out = adapter.sign(Send("binance/1", text, signed=True), KEYS, 1649729878532 * MILLISECOND)
    assert out.text == (
        '{"id":"1","method":"userDataStream.subscribe.signature","params":{'
        f'"apiKey":"{KEY}","timestamp":1649729878532,'
        '"signature":"1cf54395b336b0a9727ef27d5d98987962bc47aca6e13fe978612d0adee066ed"}}'
    )


# Ed25519


def test_b7_an_ed25519_key_signs_bytes() -> None:
    fields = b"\x01".join([b"A", b"EXAMPLE", b"SPOT", b"1", b"20240627-11:17:25.223"])
    assert signature(ED25519, fields) == (
        "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
    )


def test_b8_an_ed25519_key_signs_a_subscription() -> None:
    method, keys = "userDataStream.subscribe.signature", {"key": "EXAMPLEKEY", "secret": ED25519}
    assert sent(method, {}, 1700000000000, **keys)["signature"] == (
        "56TW8hofXnW3el73YVHGYJfzVDmQlc7NFCjKcAjMPEHFuCYeUAKD9yGBl2dwpaiw5ZAPmI+hnleCg1o1wEcvDg=="
    )


def test_b9_an_ed25519_key_signs_an_order() -> None:
    key = "4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO"
    params = sent("order.place", {**ORDER}, 1645423376532, key=key, secret=ED25519)
    assert params["signature"] == (
        "82wlF5RobwT7JZehRQgOaupNEm5GrAqJj5tqZeCCE6ZxkhlUbWBThOx00q3FVnCKn882P+9p85phztjk4bOMAQ=="
    )


def test_a_key_in_pem_is_the_same_key() -> None:
    key = load_der_private_key(base64.b64decode(ED25519), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for text in (pem, f"\n  {pem}\n", pem.replace("\n", "\r\n")):
        assert signature(text, b"x") == signature(ED25519, b"x")


def test_a_secret_of_64_letters_is_one_of_hmac_though_it_could_be_base64() -> None:
    assert len(base64.b64decode(SECRET, validate=True)) == 48 == len(base64.b64decode(ED25519))
    assert len(signature(SECRET, b"x")) == 64
    assert signature(f" {SECRET}\n", b"x") == signature(SECRET, b"x")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_whatever_is_signed_can_be_verified(seed: bytes, payload: bytes) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    said = base64.b64decode(signature(base64.b64encode(der).decode(), payload))
    key.public_key().verify(said, payload)


# Secrets


def locked() -> str:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32)
    words = BestAvailableEncryption(CANARY.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, words).decode()


def of_rsa() -> str:
    key = rsa.generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


BROKEN = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"
SHORT = base64.b64encode(base64.b64decode(ED25519)[:40]).decode()


@pytest.mark.parametrize(
    "secret",
    ["", "  ", f"ключ{CANARY}", BROKEN, SHORT, locked(), of_rsa()],
    ids=["empty", "blank", "not latin", "broken", "short", "locked", "rsa"],
)
def test_no_error_tells_the_secret(secret: str) -> None:
    asked = Request("GET", f"{URL}?a=1", "order", signed=True)
    with pytest.raises(AdapterError) as caught:
        binance().sign(asked, {"key": KEY, "secret": secret}, 0)
    told = "".join(traceback.format_exception(caught.value))
    error: BaseException | None = caught.value
    while error is not None:
        told += repr(error) + str(vars(error))
        error = error.__cause__ or error.__context__
    secrets = [line for line in secret.split() if len(line) > 10]
    assert not any(secret in told for secret in [CANARY, *secrets])


@pytest.mark.parametrize("key", ["", "a b", "a\nb: c", "ключ"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    asked = Request("GET", URL, "token", signed=True)
    with pytest.raises(AdapterError, match="the API key is missing") as caught:
        binance().sign(asked, {"key": key, "secret": CANARY}, 0)
    assert "ключ" not in str(caught.value)


def test_keys_that_are_missing_are_told_by_name() -> None:
    asked = Request("GET", URL, "order", signed=True)
    with pytest.raises(AdapterError, match="API key"):
        binance().sign(asked, {}, 0)
    with pytest.raises(AdapterError, match="API secret"):
        binance().sign(asked, {"key": KEY}, 0)


def test_what_is_no_request_is_not_signed() -> None:
    for text in ("no JSON", "[]", '{"id":"1","method":"m","params":{"a":[1]}}'):
        with pytest.raises(AdapterError, match="no request of the WebSocket API"):
            binance().sign(Send("binance/1", text, signed=True), KEYS, 0)
