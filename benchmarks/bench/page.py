"""docs/benchmarks.md, written from results: every figure of it comes out of their JSON."""

from pathlib import Path
from typing import Final

from bench.captures import REPO
from bench.entries import TITLES
from bench.floors import floors
from bench.plot import drawn
from bench.results import Results, load
from bench.tables import Table, tables

RESULTS: Final = REPO / "benchmarks" / "results"
"""Of the run that is published, in as many files as it was made in."""
PAGE: Final = REPO / "docs" / "benchmarks.md"
PLOT: Final = REPO / "docs" / "benchmarks.svg"

_HEAD: Final = """\
# Benchmarks

This page is written by `python benchmarks/run.py --page` from `benchmarks/results/*.json`: no figure of it
was typed. How to repeat it stands at the end.

{warning}Measured on {machine}, {date}; Python {python}, tapefold {version}, of sources whose digest is
{source}.

![How many times as long as tapefold each takes](benchmarks.svg)

## What is asked, and what came out

{floors}

A ratio is how many times as long the other takes. A floor is met where it is met in every session.
"""
_METHOD: Final = """\
## How it is measured

* **Sessions.** Binance's public streams of ETHUSDT as hftbacktest's author recorded them, spot and USD-M
  futures: book changes, quotes and trades on one connection, and one answer of REST with the whole book.
* **A pass** is a fresh process. What it needs is in memory, or on the disk, before the clock starts, and
  garbage is collected and frozen once, for everybody; else the collector is as the interpreter has it.
  Told is CPU, user and system, of all its threads.
* **Turns.** All contenders pass one after another, then all of them again: {rounds} rounds. A ratio is
  taken in each round, between passes that stood beside each other; told is the median. Forms a, b, f
  and g are kept to one core; the rest has threads or processes that are not.
* **Prices are checked.** In a pass of its own, untimed, each writes best bid and ask after every frame
  into a checksum: four exact ints. Where its rules make it the same book as ours, the checksum must be
  ours, or no ratio is told. Where they do not, the table says *not comparable*, and below it why.
* **Versions** are the newest of their packages, pinned exactly in `benchmarks/requirements-*.txt`;
  several need Python 3.13, so all run on one that `benchmarks/environment` makes.
"""
_LIMITS: Final = """\
## What is not claimed

* That any of the others is slow at what it is for. nautilus' engine, hftbacktest's queue model and
  hummingbot's connectors do more than keep a book; a row says what of it was run.
* Absolute speed. Another machine has other figures; what should hold are ratios of one run.
* Anything about a network. Form c begins with bytes in memory and form d ends with a request that may
  leave; mock mode has both sides of its sockets in one process.
* Other exchanges. Only Binance's JSON was measured, on one connection, and but for form g of one
  instrument.
* Durability of market data within the step: with a log in a file it is written by a thread, soon after.
  What may not leave before it is on the disk are orders: form d.
* That a checksum proves a contender right. It proves that its best prices were ours after every frame.
"""
_AGAIN: Final = """\
## How to repeat it

```sh
benchmarks/environment                        # once: a Debian with Python 3.13, and every contender
python benchmarks/run.py                      # the recordings beside the checkout, or --captures FOLDER
python benchmarks/run.py --quick --forms a,c  # a look: one round of one session
python benchmarks/run.py --forms g --long --name growth   # a hundred million events
python benchmarks/run.py -o benchmarks/results && python benchmarks/run.py --page
```

A contender whose environment is missing is a row that says so. Without recordings only our own rows run,
on the session that comes with tapefold. Ctrl-C leaves what was measured until then.
"""
_SAYS: Final = {
    "a": """\
From bytes in memory to typed events, an exact book, and a log; best bid and ask are read after every
frame. Ours is the real kernel, `Kernel.step(Frame(...))`, with its checks of order and its chain of
digests.""",
    "b": """\
A stored session is folded from the beginning; the file is read in the timed part. Ours in whole
segments, where the compiled core folds the stored bytes and best prices are read after each segment; and
with every event an object in Python, best prices after each.""",
    "c": """\
How long one `kernel.step(Frame(...))` takes, by itself: all frames, and those with a book's levels. The
garbage collector is on, with what was prepared frozen; the largest figures are its, or the machine's.""",
    "d": """\
Against the simulated Binance, the log in a file: from the command to a signed request whose intent is on
the disk; and a frame of the account's stream until all that it means is folded.""",
    "e": """\
What a person waits for. `tapefold replay` plays twice, to say fingerprints, and imports all it needs.""",
    "f": """\
A process that imports, and ends; ours also opens an engine on the bundled session.""",
    "g": """\
One capture under many names, frame by frame in turn; and one session again and again, connected anew
each time. What is looked for is that nothing grows: neither time nor memory.""",
}


def page(results: Results) -> str:
    """The whole page."""
    parts = [_head(results), _METHOD.format(rounds=results.options["rounds"])]
    every = tables(results)
    for form in results.forms():
        parts.append(f"## ({form}) {TITLES[form].capitalize()}\n\n{_SAYS[form]}\n")
        parts += [_section(table) for table in every if table.title.startswith(f"({form})")]
        parts += _does(results, form)
    return "\n".join([*parts, _LIMITS, _AGAIN])


def _head(results: Results) -> str:
    machine, options = results.machine, results.options
    ran = [row for row in results.rows if "version" in row and row["entry"].startswith("tapefold")]
    warnings: list[str] = []
    if options.get("quick"):
        warnings.append("from a quick run")
    if options.get("stopped"):
        warnings.append("from a run that was stopped")
    if results.stale:
        warnings.append("of another tapefold than the checkout's")
    if machine["load_before"][0] > machine["cores"] / 2:  # in the last minute
        warnings.append("on a busy machine")
    said = f"**These figures are {' and '.join(warnings)}: not to be quoted.** " if warnings else ""
    what = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"
    return _HEAD.format(
        warning=said,
        machine=what,
        source=machine["source"],
        date=machine["date"],
        python=ran[0]["python"] if ran else "unknown",
        version=ran[0]["version"] if ran else "unknown",
        floors=floors(results).markdown(),
    )


def _section(table: Table) -> str:
    title = table.title.partition(" ")[2]
    return f"### {title[0].upper()}{title[1:]}\n\n{table.markdown()}\n"


def _does(results: Results, form: str) -> list[str]:
    """What each does more or less than ours, and why one is not comparable: once a form."""
    if form not in "ab":
        return []
    lines: list[str] = []
    for entry in results.entries(form):
        passes = [
            row for name in results.captures(form) for row in results.passes(form, name, entry)
        ]
        if not passes:
            continue
        one = passes[0]
        said = [one["does"], one["why"], _warmed(one["warm_up"])]
        lines.append(f"* **{entry}**: {' '.join(_sentence(each) for each in said if each)}")
    return ["\n".join(["What each does:", "", *lines, ""])] if lines else []


def _warmed(said: str) -> str:
    return f"before the clock: {said}" if said and said != "none" else ""


def _sentence(text: str) -> str:
    text = f"{text[0].upper()}{text[1:]}"
    return text if text.endswith(".") else f"{text}."


def published() -> Results:
    """Those in `benchmarks/results`. Raises `ValueError` where there are none."""
    return load(sorted(RESULTS.glob("*.json")))


def write_page(page_path: Path = PAGE, plot_path: Path = PLOT) -> None:
    """The page and its picture, from what is published."""
    results = published()
    page_path.write_text(page(results))
    plot_path.write_text(drawn(results))
