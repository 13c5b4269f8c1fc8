"""`tapefold why`: one order from its intent to its end, each record with what led to it."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec

from tapefold.cli.facts import told_lines
from tapefold.cli.known import Known, several
from tapefold.cli.options import examples
from tapefold.cli.paths import open_either
from tapefold.cli.records import Teller
from tapefold.cli.sentences import DOUBTS
from tapefold.cli.terminal import clean, draw, on_terminal, say, say_json, screen
from tapefold.cli.when import moment
from tapefold.inquiry import Asked, Step, TapeLine, Why, why
from tapefold.log import Record
from tapefold.session import Session
from tapefold.units import fixed

TEXT_MAX: Final = 160
"""Characters of a frame that people are shown; `--json` has all of it."""
_INDENT: Final = " " * 10
_SENT: Final = {
    "yes": "yes",
    "no": "no: its request never left",
    "unknown": "not known: nothing that is here says so",
}
_COLOURS: Final = {
    "intent": "bold",
    "end": "bold",
    "conclusion": "green",
    "doubt": "yellow",
    "correction": "yellow",
    "run": "magenta",
    "cause": "dim",
}


@click.command(
    "why",
    short_help="Tell an order's story, record by record.",
    epilog=examples(
        "tapefold why run-17 today.log",
        "tapefold why run-17 recordings/binance/today",
        "tapefold why run-17 today.log --session recordings/binance/today --json",
    ),
)
@click.argument("order", metavar="ORDER")
@click.argument("path", metavar="LOG|SESSION", type=click.Path(path_type=Path))
@click.option(
    "--session",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Of a log: a session that it is of, which has the frames.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def command(order: str, path: Path, session: Path | None, as_json: bool) -> None:
    """Tell why an ORDER came to what it came to: from its intent to its end.

    ORDER is its client order id, or an exchange's id that no other order has. Each record is told with
    what led to it. A SESSION also has the frames: the line of the tape that each came of, what was
    asked, and what was answered. A LOG has none, unless --session names one that it is of.
    """
    found = open_either(path)
    if session and isinstance(found, Session):
        raise click.UsageError("--session is for a log: a session has its own frames")
    told = _asked(found, order, session)
    if as_json:
        say_json(facts({"log" if isinstance(found, Path) else "session": str(path)}, told))
    else:
        _show(lines(told))


def _asked(found: Session | Path, order: str, session: Path | None) -> Why:
    with screen() as shown:
        what = "positions" if isinstance(found, Path) else "lines"

        def progress(done: int, whole: int) -> None:
            if shown.due():
                from rich.text import Text

                of = f" of {whole:,}" if whole else ""
                shown.show(Text(f"looking for {clean(order)}: {done:,}{of} {what}", "dim"))

        return why(found, order, session=session, progress=progress)


class Telling(NamedTuple):
    """A line for people, and how it looks on a terminal."""

    text: str
    colour: str = ""


def lines(told: Why) -> Iterator[Telling]:
    """The story for people."""
    known = _known(told)
    for line in told_lines(_head(told, known)):
        yield Telling(line)
    yield Telling("")
    teller, waiting, last = Teller(known), [*told.asked], 0
    for step in told.steps:
        while waiting and _is_before(waiting[0], step):
            yield from _exchange(waiting.pop(0))
        record = Record(step.position, step.time_received, step.event)
        yield Telling(teller.line(record), _COLOURS.get(step.role, ""))
        yield from _around(step, last)
        last = step.came.line if step.came else 0
    for each in waiting:
        yield from _exchange(each)


def _show(told: Iterator[Telling]) -> None:
    if not on_terminal(sys.stdout):
        say(*(line.text for line in told))
        return
    from rich.padding import Padding
    from rich.text import Text

    for line in told:
        text = Text(clean(line.text.strip()), style=line.colour)
        indent = len(line.text) - len(line.text.lstrip())
        draw(Padding(text, (0, 0, 0, indent)))  # what does not fit goes on below itself


def _known(told: Why) -> Known:
    rows = {told.instrument: told.listed} if told.listed else {}
    return Known(rows, {told.client_order_id: told.instrument})


def _head(told: Why, known: Known) -> dict[str, str]:
    names = [told.client_order_id or "not ours"]
    names += [f"the exchange's {told.exchange_order_id}"] if told.exchange_order_id else []
    where = f"{told.exchange} {told.listed.symbol}" if told.listed else told.exchange
    status: str = told.status or "not known"
    if told.doubt:
        status += f", {DOUBTS[told.doubt]}"
    head = {"order": f"{', '.join(names)}, on {where}", "wanted by": _by(told)}
    if told.ours:
        head["sent"] = _SENT[told.sent]
    head |= {"status": status, "executed": _cost(told, known)}
    if told.end is not None:
        head["ended"] = f"at position {told.end:,}"
    if told.corrected:
        head["corrected"] = f"at {_positions(told.corrected)}"
    if races := [step.position for step in told.steps if step.race]:
        head["races"] = f"at {_positions(races)}"
    if odd := [step.position for step in told.steps if step.odd]:
        head["cannot be true"] = f"what was said at {_positions(odd)}"
    head["frames"] = told.session or "not known: a log has none, --session DIR names a session"
    return head


def _by(told: Why) -> str:
    if not told.ours:
        return "somebody else with this account"
    if told.began_before:
        return f"{told.by}, before this session began"
    if told.reacted_to is None:
        return told.by
    return f"{told.by}, after {told.reacted_to.kind} at position {told.reacted_to.position:,}"


def _cost(told: Why, known: Known) -> str:
    row = told.listed
    if not told.executed and not told.value:
        return "nothing"
    amount = f"{fixed(told.executed)} {row.base if row else ''}".rstrip()
    value = f"{fixed(told.value)} {row.quote if row else ''}".rstrip()
    return f"{amount} for {value}" + (f", fee {several(told.fees)}" if told.fees else "")


def _positions(positions: Sequence[int]) -> str:
    one = "position " if len(positions) == 1 else "positions "
    return one + ", ".join(f"{position:,}" for position in positions)


def _is_before(asked: Asked, step: Step) -> bool:
    line = asked.asked
    if line.time != step.time_received:
        return line.time < step.time_received
    return step.came is not None and line.line < step.came.line


def _around(step: Step, last: int) -> Iterator[Telling]:
    """What belongs to a step, below it; a line of the tape once, however many records it made."""
    notes: list[str] = []
    if step.because is not None:
        notes.append(f"because of {step.because:,}")
    if step.race:
        notes.append(f"a race: {step.race}")
    if step.odd:
        notes.append("this cannot be true: it is an anomaly")
    if notes:
        yield Telling(f"{_INDENT}{'; '.join(notes)}", "dim")
    if step.came and step.came.line != last:
        yield Telling(f"{_INDENT}{_line(step.came)}", "dim")


def _line(line: TapeLine) -> str:
    return f"line {line.line:,}, {line.lane} {line.kind}: {_short(line.text)}"


def _exchange(asked: Asked) -> Iterator[Telling]:
    """What was asked of the exchange, and what the wire said to it."""
    yield Telling(f"{_INDENT}{moment(asked.asked.time, digits=9)}  asked", "cyan")
    yield Telling(f"{_INDENT}{_line(asked.asked)}", "dim")
    if asked.answer is None:
        if asked.asked.kind == "request":
            yield Telling(f"{_INDENT}no answer is on the tape", "dim")
    elif asked.answer.kind == "failed":
        yield Telling(f"{_INDENT}{_line(asked.answer)}", "dim")
    else:
        said = f"line {asked.answer.line:,}, {asked.answer.lane} answered {asked.status}"
        yield Telling(f"{_INDENT}{said}: {_short(asked.body)}", "dim")


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= TEXT_MAX else f"{one[:TEXT_MAX]}… ({len(text):,} characters)"


# For machines


def facts(where: dict[str, Any], told: Why) -> dict[str, Any]:
    """The story as an object; records as `show --follow --json` has them."""
    teller, listing = Teller(_known(told)), told.listed
    plain = {
        name: value
        for name, value in msgspec.structs.asdict(told).items()
        if name not in ("steps", "listed", "reacted_to", "session")
    }
    plain |= {name: fixed(plain[name]) for name in ("executed", "value")}
    plain["fees"] = {asset: fixed(fee) for asset, fee in told.fees}
    return {
        **where,
        **({"frames": told.session} if told.session else {"frames": None}),
        **plain,
        "symbol": listing.symbol if listing else None,
        "reacted_to": _trigger(teller, told),
        "steps": [_step(teller, step) for step in told.steps],
    }


def _trigger(teller: Teller, told: Why) -> dict[str, Any] | None:
    heard = told.reacted_to
    if heard is None:
        return None
    if heard.event is None:
        return {
            "position": heard.position,
            "time_received": heard.time_received,
            "event": heard.kind,
        }
    return teller.json(Record(heard.position, heard.time_received, heard.event))


def _step(teller: Teller, step: Step) -> dict[str, Any]:
    return {
        **teller.json(Record(step.position, step.time_received, step.event)),
        "role": step.role,
        "because": step.because,
        "race": step.race,
        "odd": step.odd,
        "came": step.came,
    }
