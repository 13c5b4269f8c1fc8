"""The exchange of a tape, as a server: speaks to whoever connects, on any stream."""

from collections.abc import Callable

import trio

from tapefold.mock.connection import Connection
from tapefold.mock.stage import Stage
from tapefold.peer import accept


class Server:
    """All connections."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._clients = 0
        self.alone = trio.Event()
        """Set while nobody is connected."""
        self.alone.set()

    async def serve(
        self, stream: trio.abc.Stream, origin: str, dialled: Callable[[], str] = str
    ) -> None:
        """One client, to its end. *dialled* gives the lane as which it dialled, if it said so."""
        self._clients += 1
        self.alone = trio.Event()
        try:
            await self._serve(stream, origin, dialled)
        finally:
            self._clients -= 1
            if not self._clients:
                self.alone.set()

    async def _serve(
        self, stream: trio.abc.Stream, origin: str, dialled: Callable[[], str]
    ) -> None:
        async with trio.open_nursery() as nursery:
            connection = Connection(self.stage, origin, dialled)
            peer = await accept(nursery, stream, connection.decide, self.stage.owed.move)
            if peer is None:
                await connection.lost()
            else:
                nursery.start_soon(connection.write, peer)
                await connection.read(peer)
