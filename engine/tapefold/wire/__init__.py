"""The wire: the kernel among real sockets, or what is put in their place.

seams.py      the three places where a wire meets the world
socket.py     a WebSocket client that receives in batches
lane.py       one connection, from dialling to its end
rest.py       requests over HTTP
endpoints.py  other addresses than the exchange's own
world.py      the world as it is
wire.py       all of it around one kernel
"""

from tapefold.wire.endpoints import Endpoints
from tapefold.wire.seams import Clock, Dial, Outside
from tapefold.wire.socket import open_socket
from tapefold.wire.wire import Onlooker, Tee, Wire
from tapefold.wire.world import WallClock, live

__all__ = [
    "Clock",
    "Dial",
    "Endpoints",
    "Onlooker",
    "Outside",
    "Tee",
    "WallClock",
    "Wire",
    "live",
    "open_socket",
]
