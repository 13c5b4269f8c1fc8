"""Results as a picture: how many times as long as ours each contender takes. SVG, by itself.

Drawn here, so that nobody needs a library of pictures, and equal results give an equal file.
"""

from collections.abc import Sequence
from html import escape
from math import log10
from typing import Final, NamedTuple

from bench.entries import TITLES
from bench.results import Refused, Results

WIDTH: Final = 960
NAMES: Final = 360
"""Pixels left of the bars, for names."""
BAR: Final = 22
_TOP: Final = 46
_OURS, _EQUAL, _OTHER = "#1f6f5c", "#4e79a7", "#b7bcc2"


class Bar(NamedTuple):
    """One contender."""

    name: str
    times: float
    colour: str


def drawn(results: Results) -> str:
    """Forms a and b, each session by itself: bars of a logarithmic scale, the slowest at the bottom."""
    parts: list[str] = []
    height = 10
    for form in (form for form in results.forms() if form in "ab"):
        for capture in results.captures(form):
            bars = _bars(results, form, capture)
            if len(bars) > 1:
                title = f"({form}) {TITLES[form]}: {capture}"
                parts.append(f'<g transform="translate(0 {height})">{_panel(title, bars)}</g>')
                height += _TOP + BAR * len(bars) + 26
    parts.append(_legend(height))
    return _page(height + 30, parts)


def _bars(results: Results, form: str, capture: str) -> list[Bar]:
    base = results.bases[form][0]
    bars: list[Bar] = []
    for entry in results.entries(form):
        try:
            times = results.ratio(form, capture, base, entry).middle
        except Refused:
            continue
        equal = results.equal_wanted(form, capture, entry)
        ours = entry.startswith("tapefold")
        bars.append(Bar(entry, times, _OURS if ours else _EQUAL if equal else _OTHER))
    return sorted(bars, key=lambda bar: bar.times)


def _panel(title: str, bars: Sequence[Bar]) -> str:
    most = max(max(bar.times for bar in bars), 1.0)
    least = min(min(bar.times for bar in bars), 1.0)
    room, span = WIDTH - NAMES - 70, log10(most / least) or 1.0

    def x(times: float) -> float:
        return NAMES + 20 + (room - 20) * log10(times / least) / span

    lines = [f'<text x="10" y="20" class="title">{escape(title)}</text>']
    lines += [_mark(x(value), len(bars), value) for value in _marks(least, most)]
    for number, bar in enumerate(bars):
        y = _TOP + BAR * number
        right = max(x(bar.times), NAMES + 3)
        lines.append(
            f'<text x="{NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(bar.name)}</text>'
            f'<rect x="{NAMES}" y="{y + 3}" width="{right - NAMES:.1f}" height="{BAR - 6}" '
            f'fill="{bar.colour}"/>'
            f'<text x="{right + 6:.1f}" y="{y + 15}" class="times">{bar.times:.3g}×</text>'
        )
    return "".join(lines)


def _marks(least: float, most: float) -> list[float]:
    """Round numbers along the scale."""
    every = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5)]
    return [value for value in every if least <= value <= most]


def _mark(x: float, bars: int, value: float) -> str:
    bottom = _TOP + BAR * bars
    return (
        f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{bottom}" class="grid"/>'
        f'<text x="{x:.1f}" y="{_TOP - 9}" text-anchor="middle" class="scale">{value:g}×</text>'
    )


def _legend(y: int) -> str:
    said = ((_OURS, "tapefold"), (_EQUAL, "checked equal"), (_OTHER, "not comparable: read why"))
    return "".join(
        f'<rect x="{NAMES + 170 * n}" y="{y}" width="12" height="12" fill="{colour}"/>'
        f'<text x="{NAMES + 18 + 170 * n}" y="{y + 11}">{text}</text>'
        for n, (colour, text) in enumerate(said)
    )


def _page(height: int, parts: Sequence[str]) -> str:
    style = (
        "text{font:12px sans-serif;fill:#222}.title{font-weight:bold;font-size:14px}"
        ".scale{fill:#777;font-size:10px}.times{fill:#444}.grid{stroke:#ddd}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}"><style>{style}</style>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
