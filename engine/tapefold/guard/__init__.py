"""The guard: what a recording may not hold is masked, and what could not be masked is refused.

needles.py   what betrays a secret: each run of it that is long enough, as it is or encoded once
codes.py     encodings undone, one at a time
views.py     all that a text says once it is unpacked, decoded and put together, three deep
words.py     long words that look like keys, in traffic that nobody else sees
masks.py     masking in place: which fields, and where else a masked value stands
stands.py    what stands in for a masked value
ids.py       what stands in for ids that enter events
guard.py     all of it as one: mask, learn, check

No clock and no chance: the same texts in the same order are masked the same in every run.
"""

from tapefold.guard.guard import Guard, Leak
from tapefold.guard.ids import MaskedIds, run_stand

__all__ = ["Guard", "Leak", "MaskedIds", "run_stand"]
