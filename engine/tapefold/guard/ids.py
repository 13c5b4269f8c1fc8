"""Stand-ins for ids that enter events, where a recording is to have none: `--mask-ids`.

Client order ids of the run are its id and a number, so of these the run's id alone is masked, and a
replay that is given the stand-in makes the same ids anew. An order's number at the exchange becomes
another of the same length; those of one length grow as they first appear, for so they do at an
exchange that counts. Other ids become words. Nothing is decided by the order of ids, here or in the
kernel; they are only ever compared for being the same.

They are masked by the rules that an adapter declares, and are not searched for: digits of an id are in
many a time. Where a rule is missing, a replay asks for something else than the tape says, and the
session is not sealed.
"""

import re
from typing import Final
from urllib.parse import quote

from tapefold.guard.needles import SHORTEST

WORD_MIN: Final = 8
"""Characters of a word that stands in for an id: a shorter one would be a part of too many others."""
_NAME: Final = "run"


class MaskedIds:
    """One exchange's ids, and what is written for them."""

    def __init__(self, run_id: str) -> None:
        """*run_id* is the real one."""
        self.run_id = run_stand(run_id)
        """What is written for it."""
        forms = "|".join(map(re.escape, dict.fromkeys((run_id, quote(run_id, safe="")))))
        # Behind the sign of an escape, as in %2F, it would be a part of another word.
        ours = rf"(?<![0-9A-Za-z%])(?:{forms})-(?=[0-9]+(?![0-9A-Za-z]))" if run_id else "(?!)"
        self._ours = re.compile(ours)
        self._numbers: dict[str, str] = {}
        self._counts: dict[int, int] = {}

    def mask(self, text: str) -> str:
        """*text* with the stand-in in each of the run's own ids, wherever they stand."""
        return self._ours.sub(f"{self.run_id}-", text)

    def is_ours(self, value: str) -> bool:
        """Whether it is one of the run's own ids, or a stand-in for one."""
        own = value.startswith(f"{self.run_id}-") and value[len(self.run_id) + 1 :].isdigit()
        return own or self._ours.match(value) is not None

    def number(self, value: str) -> str:
        """What is written for digits without a zero at their head: as many others."""
        known = self._numbers.get(value)
        if known is None:
            size = len(value)
            count = self._counts[size] = self._counts.get(size, -1) + 1
            known = self._numbers[value] = str(10 ** (size - 1) + count)
        return known


def is_number(value: str) -> bool:
    """Whether an id is a number, as its stand-in must be, too; 0 says that there is no id."""
    return value.isascii() and value.isdigit() and value[0] != "0"


def stands_alone(value: str) -> bool:
    """Whether a word is an id wherever it stands, and no word that other fields may have as well."""
    return len(value) >= SHORTEST and not value.isalpha() and not value.isdigit()


def run_stand(run_id: str) -> str:
    """What is written for a run's id: of its length, if that is three or more."""
    return f"{_NAME}1".ljust(len(run_id), "x") if run_id else ""
