"""The compiled core does what its definition does, given what nobody should give it.

No door: numbers, levels, sides and segments go straight in. A process of its own, since whoever reads
past an input may end it. `.ci/sanitize` gives the same to a core that is watched.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from captures import ROOT
from core_fuzz import cases, checks
from core_fuzz.checks import Apply, Differs
from core_fuzz.messages import TYPICAL, Listener, Stream
from core_fuzz.packs import packed
from core_fuzz.stories import body, listed

from tapefold import core
from tapefold.core.plain import Plain

SCRIPT = ROOT / "tests" / "fuzz_core.py"
needs_core = pytest.mark.skipif(not core.NATIVE, reason="the compiled core does not run here")


def fuzzed(*options: str, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(script), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@needs_core
def test_what_is_hostile_comes_to_the_same() -> None:
    done = fuzzed("--count", "400")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" cases: the compiled core does what its definition does\n")
    assert int(done.stdout.split()[0]) > 50_000


@needs_core
def test_a_case_is_repeated_by_its_number() -> None:
    assert fuzzed("--only", "7", "--seed", "3", "--trace").stderr == "mutation 7 of seed 3\n"


def fifteen(text: str, digits: int) -> int:
    return 15


def idle(*_: object) -> None:
    pass


def test_a_difference_in_a_number_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "scaled", fifteen)
    checks.number("1.5", 1)
    with pytest.raises(
        Differs, match=r"scaled\('1\.5', 2\)\n  compiled: .*15.*\n  defined:  .*150"
    ):
        checks.number("1.5", 2)
    with pytest.raises(Differs, match="TooFine"):
        checks.number("1.55", 1)


def test_a_difference_in_words_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise ValueError("no")

    monkeypatch.setattr(core, "pack_levels", refuse)
    with pytest.raises(Differs, match="ValueError"):
        checks.packs(b'[["x","1"]]', 0, 0)


def test_a_difference_in_a_side_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Idle(core.Half):
        def apply(self, packed: Any) -> None:
            pass

    monkeypatch.setattr(core, "Half", Idle)
    checks.side(1, [Apply(packed([1], [0]))])
    with pytest.raises(Differs, match=r"Half\(1\) after 2 of "):
        checks.side(1, [Apply(packed([1], [0])), Apply(packed([1], [2]))])


def test_a_difference_in_a_fold_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "fold_events", idle)
    checks.folds((), body())
    with pytest.raises(Differs, match="fold_events"):
        checks.folds((), body(listed(0)))


def test_a_difference_in_a_frame_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(Plain):
        reads: ClassVar[bool] = True

        def read(self, data: bytes, price_digits: int, size_digits: int) -> tuple[Any, ...]:
            return 1, 2, "ETHUSDT", 3, 4, 5, True

    stream = Stream("trade", Wrong)
    data = stream.framed(TYPICAL["trade"])
    monkeypatch.setattr(checks, "_listeners", lambda: (Listener(Plain), Listener(Plain)))
    checks.hears(data, 2, 3)
    monkeypatch.setattr(checks, "_listeners", lambda: (Listener(Wrong), Listener(Plain)))
    with pytest.raises(Differs, match=r"an adapter hears .*trade"):
        checks.hears(data, 2, 3)
    with pytest.raises(Differs, match="in 2 and 3"):
        checks.reads(stream, data, 2, 3)


def test_a_mutation_does_not_depend_on_what_ran_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, ...]] = []

    def note(*given: object) -> None:
        seen.append(given)

    monkeypatch.setattr(checks, "packs", note)
    for number in (1, 6, 1):
        cases.mutation(2, number)()
    rounds = len(seen) // 3
    assert seen[:rounds] == seen[-rounds:]
    assert seen[:rounds] != seen[rounds : 2 * rounds]
