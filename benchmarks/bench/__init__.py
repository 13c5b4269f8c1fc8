"""The benchmark's runner: `python benchmarks/run.py` from a terminal.

stats.py     medians of ratios, percentiles
captures.py  the sessions that are measured
entries.py   who takes part in which form
machine.py   on what it was measured
running.py   one pass as a process, and all of them in turns
results.py   what was measured, as JSON, and what may be concluded from it
tables.py    that as tables
plot.py      and as a picture
page.py      and as docs/benchmarks.md
"""
