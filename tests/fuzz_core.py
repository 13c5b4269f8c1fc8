"""The compiled core against its definition: the sweep, then mutations.

    python tests/fuzz_core.py                          # the sweep, and 1000 mutations of seed 0
    python tests/fuzz_core.py --seconds 600 --seed 7   # as many as ten minutes allow
    python tests/fuzz_core.py --only 123 --seed 7      # one of them again

A difference is told with the number of its case, and ends the run with exit code 1; so does a crash, whose
case `--trace` tells.
"""

import argparse
import faulthandler
import sys
from collections.abc import Callable, Iterator
from itertools import count
from time import monotonic

from core_fuzz.cases import mutation, sweep
from core_fuzz.checks import Differs
from core_fuzz.leaks import leaked
from core_fuzz.seats import SANITIZED

from tapefold import core

Named = tuple[str, Callable[[], object]]


def main() -> int:
    """Run what is asked for."""
    faulthandler.enable()
    asked = _asked()
    if not core.NATIVE:
        sys.exit("there is no compiled core here: pip install -e . where a C compiler is")
    until, done, wrong = monotonic() + (asked.seconds or 0), 0, 0
    for name, case in _cases(asked):
        if asked.trace:
            sys.stderr.write(f"{name}\n")
        try:
            case()
        except Differs as error:
            sys.stderr.write(f"{name}: {error}\n")
            wrong += 1
        done += 1
        if (wrong and not asked.all) or (asked.seconds and monotonic() > until):
            break
    if not wrong and SANITIZED and (more := leaked()):
        sys.exit(f"every round of the same calls keeps {more} bytes")
    said = f"{wrong} differences" if wrong else "the compiled core does what its definition does"
    sys.stdout.write(f"{done} cases: {said}\n")
    return bool(wrong)


def _asked() -> argparse.Namespace:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--count", type=int, default=1000, help="mutations, without --seconds")
    words.add_argument("--seconds", type=float)
    words.add_argument("--only", type=int, metavar="N", help="the mutation of this number alone")
    words.add_argument("--all", action="store_true", help="go on after a difference")
    words.add_argument(
        "--trace", action="store_true", help="tell each number before its case is run"
    )
    return words.parse_args()


def _cases(asked: argparse.Namespace) -> Iterator[Named]:
    if asked.only is None:
        for number, case in enumerate(sweep()):
            yield f"case {number} of the sweep", case
    some = range(asked.count) if asked.seconds is None else count()
    for number in some if asked.only is None else (asked.only,):
        yield f"mutation {number} of seed {asked.seed}", mutation(asked.seed, number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
