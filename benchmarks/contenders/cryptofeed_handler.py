"""cryptofeed: the feed's own way of taking a message in."""

import asyncio

from common import Contender, Form, Run, Session, Tops, main
from cryptofeed_shared import RENAMED, Listener, feed, messages


class _Answer:
    """In place of its HTTP connection: the session's answer to the one thing that it asks."""

    def __init__(self, body: bytes) -> None:
        self._body = body.decode()

    async def read(self, _url: str, **_options: object) -> str:
        return self._body


def _handler(session: Session) -> Run:
    heard = messages(session)
    stamps = [stamp / 1e9 for stamp in session.stamps]

    def run(tops: Tops | None) -> None:
        listener = Listener(tops)
        ours = feed(session, listener)
        ours.http_conn = _Answer(session.frames[session.snapshot])
        take = ours.message_handler

        async def all_of_them() -> None:
            for texts, stamp in zip(heard, stamps, strict=True):
                for text in texts:
                    await take(text, None, stamp)
                listener.top()

        asyncio.run(all_of_them())

    return run


main(
    Contender(
        "cryptofeed message_handler",
        "cryptofeed",
        "from cryptofeed.exchanges import Binance, BinanceFutures",
        {
            "a": Form(
                _handler,
                "Typed events with Decimals, and each delta once more as a list; keeps no log; "
                "of a ticker it has the prices alone.",
                why=RENAMED,
            )
        },
    )
)
