"""The compiled core and its definition, given the same: hostile input, and mutated real-looking input.

seats.py      where the bytes lie, so that whoever reads past their end is seen
numbers.py    texts of numbers, and levels as JSON
packs.py      packed sides, and bytes that are nearly right
stories.py    events of a market, and of real old logs, as the body of a segment
messages.py   frames of streams, and how they are read
spellings.py  what may stand in them
checks.py     the five comparisons
cases.py      all of it as cases with a number: a sweep, and as many mutations as are wanted

`tests/fuzz_core.py` runs them; `.ci/sanitize` runs it within AddressSanitizer.
"""
