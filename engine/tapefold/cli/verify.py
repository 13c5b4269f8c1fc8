"""`tapefold verify`: that a log is what was written, and that a session, replayed, gives it."""

from collections.abc import Iterator
from pathlib import Path

import click
from msgspec.structs import asdict

from tapefold.cli.options import examples, parsed
from tapefold.cli.paths import log_path, open_session
from tapefold.cli.terminal import say, say_json, screen
from tapefold.cli.when import parse_span, span
from tapefold.session import Session
from tapefold.units import SECOND, Nanos
from tapefold.verify import Apart, Compared, Verified, shadow, verify_log, verify_session


@click.command(
    "verify",
    short_help="Check a log, alone, against its session, or beside its engine.",
    epilog=examples(
        "tapefold verify eth.log",
        "tapefold verify cassettes/binance/minute-with-a-gap eth.log",
        "tapefold verify --live eth.log --every 5s --for 1m",
    ),
)
@click.argument("first", metavar="[SESSION]", type=click.Path(path_type=Path))
@click.argument("second", metavar="LOG", required=False, type=click.Path(path_type=Path))
@click.option(
    "--live",
    is_flag=True,
    help="Fold the log again while an engine writes it, and compare with what that knows.",
)
@click.option(
    "--every",
    metavar="SPAN",
    callback=parsed(parse_span),
    help="With --live: how often to compare, 5s if not given.",
)
@click.option(
    "--for",
    "lasting",
    metavar="SPAN",
    callback=parsed(parse_span),
    help="With --live: how long; to Ctrl-C or the engine's end if not given.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one object; with --live, one a comparison."
)
def command(
    first: Path,
    second: Path | None,
    live: bool,
    every: Nanos | None,
    lasting: Nanos | None,
    as_json: bool,
) -> None:
    """Check a LOG: every segment, the chain of digests, the saved views.

    With a SESSION before it: replay that, and compare event by event. With --live: fold it again beside
    its running engine, and stop at the first position where that knows something else.
    """
    if live:
        if second:
            raise click.UsageError("--live is of a log alone: name no session")
        _shadow(log_path(first), 5 * SECOND if every is None else every, lasting, as_json=as_json)
        return
    if not (every is None and lasting is None):
        raise click.UsageError("--every and --for go with --live")
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


def _shadow(log: Path, every: Nanos, lasting: Nanos | None, *, as_json: bool) -> None:
    """A line for each comparison, and one for all of them."""
    if not as_json:
        say(f"shadowing {log} from its first event on")
    told = _Told(as_json=as_json)
    compared = shadow(log, every=every, lasting=lasting, progress=told.progress)
    try:
        while told.next(compared):
            pass
    except KeyboardInterrupt as stopped:
        stopped.add_note(told.summary)
        raise
    except Apart as apart:
        if as_json:
            say_json(_apart(apart), one_line=True)
        raise
    if not as_json:
        say(f"{told.summary}: {'the engine has ended' if told.ended else 'the time is over'}")


class _Told:
    """What is told of a log's comparisons."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json, self._count, self._position = as_json, 0, 0
        self.ended = False

    @property
    def summary(self) -> str:
        """How many there were."""
        many = "1 comparison agrees" if self._count == 1 else f"{self._count:,} comparisons agree"
        return f"{many}, to position {self._position:,}" if self._count else "nothing was compared"

    def progress(self, position: int, until: int) -> None:
        """While it is folded."""
        if self._shown.due():
            from rich.text import Text

            self._shown.show(Text(f"folding: {position:,} of {until:,} events", "dim"))

    def next(self, comparisons: Iterator[Compared]) -> bool:
        """Wait for one and tell it; False where there are no more."""
        with screen() as self._shown:  # gone before anything is told: it would be drawn over
            compared = next(comparisons, None)
        if compared is None:
            return False
        self._count, self._position = self._count + 1, compared.position
        self.ended = compared.ended
        if self._as_json:
            say_json({"agrees": True, **asdict(compared)}, one_line=True)
        else:
            say(
                f"position {compared.position:,}: agrees, {compared.events:,} events further, "
                f"{compared.behind:,} behind the log, after {span(compared.lag)}"
            )
        return True


def _apart(apart: Apart) -> dict[str, object]:
    folds = {name: field._asdict() for name, field in apart.fields.items()}
    return {"agrees": False, "position": apart.position, "first": apart.first, "folds": folds}
