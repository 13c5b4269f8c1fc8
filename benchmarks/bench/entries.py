"""Who takes part in which form: a script with its arguments, and the environment that it needs."""

from dataclasses import dataclass, replace
from typing import Final

TITLES: Final = {
    "a": "frames in memory to typed events, books and a log",
    "b": "a log on a disk to folds",
    "c": "one kernel step, from bytes in memory",
    "d": "the order path",
    "e": "a tape read, a session replayed, and mock mode",
    "f": "cold start and memory",
    "g": "growth",
}
"""The forms, in the order in which they are measured and told."""
ALONE: Final = "abfg"
"""Forms that are kept to one core. The rest has a thread, or a process, beside what is looked at."""
ONCE: Final = "dfg"
"""Forms that do not depend on the session, or take one of them: the last."""


@dataclass(frozen=True)
class Entry:
    """One row of a form."""

    name: str
    form: str
    arguments: tuple[str, ...]
    """Of Python, before the capture's files: a script or `-m` and a module, the form, options."""
    environment: str = "ours"
    pure: bool = False
    """Ours, without the compiled core."""
    base: bool = False
    """Others are compared with this one."""
    check: bool = False
    """It has a checksum of best prices."""
    once: bool = False
    """It is measured once, whatever the rounds: it is long, or a median of several in itself."""


def _ours(form: str, name: str, *options: str, pure: bool = False) -> Entry:
    module = {"a": "frames", "b": "fold", "c": "step", "d": "orders"}
    module |= {"e": "tape", "f": "cold", "g": "growth"}
    arguments = ("-m", f"ours.{module[form]}", form, *options)
    title = f"tapefold, {name}" if name else "tapefold"
    return Entry(f"{title}, pure Python" if pure else title, form, arguments, pure=pure)


def _base(entry: Entry) -> Entry:
    """Others are compared with it, so its prices are checked."""
    return replace(entry, base=True, check=entry.form != "f")


def _theirs(form: str, name: str, script: str, environment: str, asked: str = "") -> Entry:
    arguments = (f"contenders/{script}.py", asked or form)
    return Entry(name, form, arguments, environment, check=form != "f")


def _frames() -> list[Entry]:
    return [
        _base(_ours("a", "")),
        _ours("a", "log in a file", "--log", "file"),
        _ours("a", "log forgotten", "--log", "hash"),
        _base(_ours("a", "", pure=True)),
        _theirs("a", "cryptofeed message_handler", "cryptofeed_handler", "cryptofeed"),
        _theirs("a", "cryptofeed playback", "cryptofeed_playback", "cryptofeed"),
        _theirs("a", "nautilus adapter + book", "nautilus", "nautilus"),
        _theirs("a", "hummingbot book", "hummingbot_book", "hummingbot"),
        _theirs("a", "ccxt.pro", "ccxt_pro", "ccxt"),
        _theirs("a", "hftbacktest convert + loop", "hftbacktest_loop", "hftbacktest"),
        _theirs("a", "order-book + int", "orderbook", "orderbook"),
        _theirs("a", "order-book + Decimal", "orderbook", "orderbook", "a-decimal"),
    ]


def _folds() -> list[Entry]:
    return [
        _base(_ours("b", "")),
        _ours("b", "at recorded speed", "--log", "flushed"),
        _base(_ours("b", "every event in Python", "--as", "events")),
        _ours(
            "b", "every event in Python, at recorded speed", "--as", "events", "--log", "flushed"
        ),
        _base(_ours("b", "", pure=True)),
        _theirs("b", "hftbacktest .npz", "hftbacktest_loop", "hftbacktest", "b-npz"),
        _theirs("b", "hftbacktest array in RAM", "hftbacktest_loop", "hftbacktest", "b-ram"),
        _theirs("b", "nautilus catalog + book", "nautilus", "nautilus", "b-catalog"),
        _theirs("b", "nautilus engine, streaming", "nautilus", "nautilus", "b-engine"),
    ]


def _steps(*, quick: bool) -> list[Entry]:
    passes = ("--passes", "1" if quick else "3")
    return [
        _ours("c", "", *passes),
        _ours("c", "log in a file", "--log", "file", *passes),
        _ours("c", "", *passes, pure=True),
    ]


def _orders(*, quick: bool) -> list[Entry]:
    many = ("--orders", "99" if quick else "999")
    return [_ours("d", "", *many), _ours("d", "", *many, pure=True)]


def _tapes() -> list[Entry]:
    ways = {
        "lines of a plain tape": "lines",
        "lines of a packed tape": "lines-zst",
        "replay door": "replay",
        "`tapefold replay`": "command",
        "mock mode": "mock",
    }
    rows = [_ours("e", name, "--what", way) for name, way in ways.items()]
    return [*rows, _ours("e", "replay door", "--what", "replay", pure=True)]


def _cold() -> list[Entry]:
    others = {
        "cryptofeed": "cryptofeed_handler",
        "nautilus": "nautilus",
        "hummingbot": "hummingbot_book",
        "ccxt": "ccxt_pro",
        "hftbacktest": "hftbacktest_loop",
        "orderbook": "orderbook",
    }
    names = {"ccxt": "ccxt.pro", "orderbook": "order-book"}
    rows = [_theirs("f", names.get(home, home), script, home) for home, script in others.items()]
    return [replace(row, once=True) for row in (_base(_ours("f", "")), *rows)]


def _growth(*, quick: bool, long: bool) -> list[Entry]:
    most = "100000000" if long else "1000000" if quick else "10000000"
    rows = [
        _ours("g", f"{many} instrument{'s' if many > 1 else ''}", "--instruments", str(many))
        for many in ((1, 10) if quick else (1, 10, 100))
    ]
    rows.append(replace(_ours("g", "many events", "--events", most), once=True))
    if long:
        options = ("--events", "10000000", "--log", "file")
        rows.append(replace(_ours("g", "many events, log in a file", *options), once=True))
    return rows


def entries(form: str, *, quick: bool = False, long: bool = False) -> list[Entry]:
    """Who takes part in a form, in the order of its turns."""
    sized = {"c": _steps, "d": _orders}
    if form in sized:
        return sized[form](quick=quick)
    if form == "g":
        return _growth(quick=quick, long=long)
    return {"a": _frames, "b": _folds, "e": _tapes, "f": _cold}[form]()
