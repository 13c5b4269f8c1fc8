"""A report of outcomes in JUnit's XML, which continuous integration reads."""

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tapefold.cli.scenario_modes import Work
from tapefold.cli.scenario_told import first_word
from tapefold.errors import Refused
from tapefold.scenario import Outcome
from tapefold.scenario.retold import Again, failure_lines, story_lines

# How a report begins, be it ours or another tool's.
_BEGINS: Final = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<testsuites?[\s>/]", re.DOTALL
)
_HEAD: Final = 65_536
"""Bytes of a file in which a report shows that it is one."""
# What XML 1.0 cannot hold, not even escaped.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def check_report(path: Path) -> None:
    """Raises `Refused` where no report could be written, so that nothing is run in vain.

    What is there already is only written over if it is a report as well, or empty.
    """
    part = _beside(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        if path.exists() and not _is_report(path):
            raise Refused(f"{path} is there and is no JUnit report: name another file with --junit")
        part.open("xb").close()
        part.unlink()
    except OSError as error:
        raise _refused(path, error) from error


def _is_report(path: Path) -> bool:
    """Also what is empty, for nothing would be lost. Raises `OSError`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return not head or _BEGINS.match(head) is not None


def write_report(
    path: Path, outcomes: Sequence[Outcome], again: Again, skipped: Sequence[Work] = ()
) -> None:
    """The whole report, or none of it. Raises `Refused`."""
    part = _beside(path)
    try:
        part.write_bytes(report(outcomes, again, skipped))
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> Refused:
    return Refused(f"{path}: the report cannot be written there: {error.strerror}")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def report(outcomes: Sequence[Outcome], again: Again, skipped: Sequence[Work] = ()) -> bytes:
    """A suite for each exchange, a case for each outcome, and for each scenario that was not run."""
    root = ET.Element("testsuites", {"name": "tapefold"} | _counts(outcomes, skipped))
    exchanges = [*(each.exchange for each in outcomes), *(each.exchange for each in skipped)]
    for exchange in dict.fromkeys(exchanges):
        of_it = [outcome for outcome in outcomes if outcome.exchange == exchange]
        left = [work for work in skipped if work.exchange == exchange]
        suite = ET.SubElement(root, "testsuite", {"name": _clean(exchange)} | _counts(of_it, left))
        for outcome in of_it:
            _add(suite, outcome, again)
        for work in left:
            _add_skipped(suite, work)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _counts(outcomes: Sequence[Outcome], skipped: Sequence[Work]) -> dict[str, str]:
    errors = sum(bool(outcome.error) for outcome in outcomes)
    failures = sum(not outcome.passed for outcome in outcomes) - errors
    return {
        "tests": str(len(outcomes) + len(skipped)),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": str(len(skipped)),
        "time": _seconds(outcome.seconds for outcome in outcomes),
    }


def _seconds(times: Iterable[float]) -> str:
    return f"{sum(times):.3f}"


def _add(suite: ET.Element, outcome: Outcome, again: Again) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(f"{outcome.exchange}.{outcome.name}"),
        name=outcome.way,
        file=_clean(str(outcome.path)),
        line=str(next((failed.line for failed in outcome.failed if failed.line), 1)),
        time=_seconds([outcome.seconds]),
    )
    if not outcome.passed:
        kind = "error" if outcome.error else "failure"
        why = ET.SubElement(case, kind, message=_clean(first_word(outcome)), type=kind)
        why.text = _clean("\n".join([outcome.title, *failure_lines(outcome, again)]))
        said = [outcome.title, f"again: {again.command(outcome)}", *story_lines(outcome.story)]
        ET.SubElement(case, "system-out").text = _clean("\n".join(said))


def _add_skipped(suite: ET.Element, work: Work) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(f"{work.exchange}.{work.place.name}"),
        name=work.ways[-1],
        file=_clean(str(work.place.path)),
        line="1",
        time="0.000",
    )
    ET.SubElement(case, "skipped", message=_clean(work.skipped))


def _clean(text: str) -> str:
    return _NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
