"""The mock room: a recorded session as an exchange, over loopback sockets or memory streams.

timeline.py   a tape, loaded and looked at once
match.py      requests and frames as fields; ids that are bound
lanes.py      the connections, and how far each is played
score.py      what is done of the tape, and what may come next
freedom.py    which traffic is free
free.py       polls and heartbeats
signatures.py whether it is signed, and rightly
part.py       what the client does, found on the tape
failures.py   what a mismatch says
clock.py      the clock of a tape
conductor.py  when the next line goes
stage.py      what all connections share
connection.py one client: what it is told, and what it has taken in
server.py     all of them
owed.py       what is said, and not taken in yet
transport.py  HTTP out of the cassette
door.py       opening and judging a play
outside.py    HTTP for clients of other processes
"""

from tapefold.mock.conductor import Tempo
from tapefold.mock.door import Door, open_mock, timeline_of
from tapefold.mock.part import Said
from tapefold.mock.timeline import Answer, Timeline, load
from tapefold.mock.transport import CassetteTransport, load_answers

__all__ = [
    "Answer",
    "CassetteTransport",
    "Door",
    "Said",
    "Tempo",
    "Timeline",
    "load",
    "load_answers",
    "open_mock",
    "timeline_of",
]
