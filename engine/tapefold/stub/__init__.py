"""An exchange out of presets, for tests of connectors and bots: REST and WebSocket, in any process.

    async with open_stub() as stub:
        api = stub.http("api.binance.com")                   # api.url is where it is on this machine
        order = api.respond("POST", "/api/v3/order", json={"orderId": 1})
        ws = stub.ws("wss://stream.binance.com:9443/ws")     # ws.url likewise
        ws.script({"e": "executionReport"}, after=order)
        ...                                                  # what is tested runs here
    # a Mismatch, if anything came that nobody preset, or was preset and never came

Nothing is shared between stubs, no thread is started, and no address but 127.0.0.1 is listened on or
connected to; `http(host, passthrough=True)` alone reaches further.

presets.py   a stub, and opening one
http.py      one host's REST side
ws.py        one WebSocket URL
script.py    what is said after a cause, or a delay
journal.py   what came, and waiting for it
matching.py  is this what was preset?
origin.py    a host and what stands for it
server.py    HTTP/1.1 on a trio stream
"""

from tapefold.stub.http import Api, Preset
from tapefold.stub.journal import (
    Answered,
    Asked,
    Cause,
    Connected,
    Entry,
    Left,
    Refused,
    Said,
    asked,
    connected,
    left,
    said,
)
from tapefold.stub.presets import Stub, open_stub
from tapefold.stub.ws import Endpoint, Reply

__all__ = [
    "Answered",
    "Api",
    "Asked",
    "Cause",
    "Connected",
    "Endpoint",
    "Entry",
    "Left",
    "Preset",
    "Refused",
    "Reply",
    "Said",
    "Stub",
    "asked",
    "connected",
    "left",
    "open_stub",
    "said",
]
