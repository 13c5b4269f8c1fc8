"""A simulated exchange on loopback, for clients of any language: HTTP and WebSockets on one port.

    async with open_sim("binance", seed=7) as served:
        ...                                     # served.url, served.addresses["WebSocket API"]

It goes on by the clock of this machine, so that what clients sign with their own time is valid. It
listens on 127.0.0.1 and nowhere else. A client that takes nothing in is hung up on; one that says
nonsense is told so; neither is any matter to the others.

opening.py  opening one
front.py    its port: who speaks which protocol, and what is asked
running.py  the exchange by the clock, and who hears it
client.py   one WebSocket client
present.py  the clock
"""

from tapefold.sim.serving.opening import Served, open_sim

__all__ = ["Served", "open_sim"]
