"""`tapefold verify`: that a log is what was written, and that a session, replayed, gives it."""

from pathlib import Path

import click

from tapefold.cli.options import examples
from tapefold.cli.paths import log_path, open_session
from tapefold.cli.terminal import say, say_json, screen
from tapefold.session import Session
from tapefold.verify import Verified, verify_log, verify_session


@click.command(
    "verify",
    short_help="Check a log, alone or against its session.",
    epilog=examples(
        "tapefold verify eth.log",
        "tapefold verify cassettes/binance/minute-with-a-gap eth.log",
    ),
)
@click.argument("first", metavar="[SESSION]", type=click.Path(path_type=Path))
@click.argument("second", metavar="LOG", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def command(first: Path, second: Path | None, as_json: bool) -> None:
    """Check a LOG: every segment, the chain of digests, the saved views.

    With a SESSION before it: replay that, and compare event by event.
    """
    log = log_path(first if second is None else second)
    if second is None:
        verified = verify_log(log)
        views = f", agreeing saved views: {verified.saved_views}" if verified.saved_views else ""
        text = f"{log} is whole: {_told(verified)}{views}"
    else:
        session = open_session(first)
        verified = _compared(session, log)
        text = f"{session.folder} gives {log}, event by event: {_told(verified)}"
    if as_json:
        say_json({"log": str(log), "session": str(first) if second else None, **_facts(verified)})
    else:
        say(text)


def _compared(session: Session, log: Path) -> Verified:
    with screen() as shown:
        whole = session.meta.counts.lines

        def progress(lines: int) -> None:
            if shown.due():
                from rich.text import Text

                of = f" of {whole:,}" if whole else ""
                shown.show(Text(f"comparing: {lines:,}{of} lines", "dim"))

        return verify_session(session, log, progress)


def _told(verified: Verified) -> str:
    return f"head {verified.head:,}, digest {verified.digest}"


def _facts(verified: Verified) -> dict[str, object]:
    return {
        "head": verified.head,
        "digest": verified.digest,
        "saved_views": verified.saved_views,
    }
