"""The guard of speed judges rightly: what is slower fails, what is faster is told, the rest passes.

No door: figures that the tests make up, and the guard's own jobs, small, on the kernel alone. What the
guard measures is not measured here: a test would be no measurement.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

import guard.__main__ as speed
from guard import bounds
from guard.bounds import ELSEWHERE, ROOM, Bounds, Table, here, judge
from guard.clock import Clock
from guard.jobs import jobs_of
from guard.measure import Figures, How, Kind, Measured, Unmeasured
from guard.workload import Workload, workload

SOME: dict[str, float] = {"frames": 0.5, "orders": 8.0}


def figures(times: float = 1.0, **more: float) -> Figures:
    """Paths that take so many times their bounds, or those ratios."""
    ratios = {path: ratio * times for path, ratio in SOME.items()} | more
    return {path: Measured("frame", 1000 * ratio, 1000, ratio) for path, ratio in ratios.items()}


def table(name: str = "") -> dict[str, Table]:
    return {name or here(): Table("2026-01-02", dict(SOME), dict(SOME))}


def there(name: str) -> str:
    return name


def nowhere(_name: str) -> None:
    return None


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Bounds], Path]:
    """Puts bounds in the place of those of this repository."""
    path = tmp_path / "bounds.toml"
    monkeypatch.setattr(bounds, "FILE", path)
    monkeypatch.setattr(bounds, "frozen", str)

    def note(those: Bounds) -> Path:
        bounds.save(those)
        return path

    return note


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[How]]:
    """Has each measurement give the next of some figures; what was measured is noted."""

    def give(*results: Figures | Unmeasured) -> list[How]:
        hows: list[How] = []

        def measure(_work: Workload, kinds: Sequence[Kind], how: How) -> dict[Kind, Figures]:
            result = results[len(hows)]
            hows.append(how)
            if isinstance(result, Unmeasured):
                raise result
            return dict.fromkeys(kinds, result)

        monkeypatch.setattr(speed, "measure", measure)
        monkeypatch.setattr(speed, "find_spec", there)
        return hows

    return give


# The workload and the baseline


def test_the_bounds_are_of_the_frozen_baseline_and_of_this_workload() -> None:
    known = bounds.load()
    assert (known.baseline, known.workload) == (bounds.frozen(), workload().digest())
    assert known.counts
    assert known.times


def test_the_workload_has_the_proportions_of_real_recordings() -> None:
    work = workload()
    share = {kind: len(work.only(kind)) / len(work.frames) for kind in (b"bookTicker", b"depth")}
    assert 0.7 < share[b"bookTicker"] < 0.9
    assert 0.08 < share[b"depth"] < 0.11
    levels = [data.count(b'["') for data in work.only(b"depth")]
    assert 25 < sum(levels) / len(levels) < 70


def test_the_engine_and_the_baseline_come_to_the_same(tmp_path: Path) -> None:
    for job in jobs_of(workload().first(300, 1), tmp_path):
        ours, plain = ([Clock() for _ in job.paths] for _ in range(2))
        assert job.ours(ours) == job.baseline(plain)
        assert all(clock.seconds > 0 for clock in (*ours, *plain)), job.paths


def test_a_baseline_or_a_workload_that_was_changed_is_not_judged_by_old_bounds() -> None:
    work = workload()
    with pytest.raises(Unmeasured, match="frozen"):
        bounds.check(Bounds(baseline="another", workload=work.digest()), work)
    with pytest.raises(Unmeasured, match="not the one that the bounds are of"):
        bounds.check(Bounds(baseline=bounds.frozen(), workload="another"), work)


# Judging


@pytest.mark.parametrize(
    ("times", "verdict"),
    [(1.0, "ok"), (1.02, "ok"), (1.04, "slower"), (0.92, "ok"), (0.88, "faster")],
)
def test_a_path_is_judged_by_its_bound(times: float, verdict: str) -> None:
    (known,) = table().values()
    rows = [*judge({"native": figures(times), "pure": figures()}, known, ROOM["counts"])]
    assert [row.verdict for row in rows] == [verdict, verdict, "ok", "ok"]


def test_a_path_without_a_bound_is_shown_and_passes(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted(Bounds(counts=table()))
    measured(figures(unheard=3.0))
    assert speed.main(["--by", "counts"]) == 0
    said = capsys.readouterr().out
    assert "unheard  frame  ok        3,000     1,000  3.0000    none" in said
    assert "a path without a bound is not judged" in said


def test_what_is_slower_fails_with_one_line_that_says_where(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted(Bounds(counts=table()))
    assert measured(figures(frames=0.56)) == []
    assert speed.main(["--by", "counts", "--only", "pure"]) == 1
    out, err = capsys.readouterr()
    assert err == (
        "speed: slower than before: pure frames +12.0%; if that is meant, `just speed --renew`\n"
    )
    assert "pure  frames  frame  slower   560.00     1,000  0.5600  0.5000  +12.0%\n" in out


def test_what_is_much_faster_passes_and_is_told(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted(Bounds(counts=table()))
    measured(figures(orders=4.0))
    assert speed.main(["--by", "counts", "--only", "native"]) == 0
    assert "renews: native orders -50.0%" in capsys.readouterr().out


def test_times_that_seem_slower_are_taken_again(
    noted: Callable[[Bounds], Path], measured: Callable[..., list[How]]
) -> None:
    noted(Bounds(times=table()))
    hows = measured(figures(frames=0.9), figures(orders=16.0), figures(2.0))
    assert speed.main(["--by", "times"]) == 0
    assert hows == ["times", "times"]
    hows = measured(figures(2.0), figures(2.0), figures(2.0))
    assert speed.main(["--by", "times"]) == 1
    assert hows == ["times"] * 3


def test_where_instructions_cannot_be_counted_times_are_taken(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted(Bounds(counts=table(), times=table()))
    hows = measured(Unmeasured("valgrind broke"), figures())
    monkeypatch.setattr(shutil, "which", there)
    assert speed.main([]) == 0
    assert hows == ["counts", "times"]
    assert "times are taken: valgrind broke" in capsys.readouterr().out
    monkeypatch.setattr(shutil, "which", nowhere)
    hows = measured(figures())
    assert speed.main([]) == 0
    assert hows == ["times"]


def test_nothing_measured_is_no_success(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted(Bounds(counts=table()))
    measured(Unmeasured("the worker failed: it said nothing"))
    assert speed.main(["--by", "counts"]) == 2
    assert capsys.readouterr().err == "speed: the worker failed: it said nothing\n"


def test_another_python_is_held_against_known_bounds_with_more_room(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted(Bounds(counts=table("cpython 2.7 vax")))
    measured(figures(1 + ELSEWHERE - 0.01), figures(0.5), figures(1 + ELSEWHERE + 0.01))
    for _ in range(2):
        assert speed.main(["--by", "counts"]) == 0
        said = capsys.readouterr().out
        assert f"there are no bounds for {here()}" in said
        assert "faster" not in said
    assert speed.main(["--by", "counts"]) == 1


def test_without_the_compiled_core_pure_python_is_judged(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    noted(Bounds(counts=table()))
    measured(figures())
    monkeypatch.setattr(speed, "find_spec", nowhere)
    assert speed.main(["--by", "counts"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("the compiled core is not built here: only pure Python is judged\n")
    assert "native" not in said
    assert speed.main(["--only", "native"]) == 2
    assert "the compiled core is not built here: `pip install" in capsys.readouterr().err


# Renewing


def test_renewing_writes_what_was_measured_and_says_what_changed(
    noted: Callable[[Bounds], Path],
    measured: Callable[..., list[How]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = noted(Bounds(counts=table() | table("cpython 2.7 vax")))
    measured(figures(frames=0.4321987, unheard=3.0))
    assert speed.main(["--by", "counts", "--renew", "--only", "native"]) == 0
    said = capsys.readouterr().out
    assert "native  frames      0.4322  was 0.5000, -13.6%\n" in said
    assert "native  unheard     3.0000  is new\n" in said
    made = msgspec.toml.decode(path.read_bytes(), type=Bounds)
    assert made.counts[here()].native == {"frames": 0.4322, "orders": 8.0, "unheard": 3.0}
    assert made.counts[here()].pure == SOME, "what was not measured stays"
    assert made.counts["cpython 2.7 vax"] == table()[here()]
    assert (made.baseline, made.workload) == ("", workload().digest())


def test_renewed_times_are_the_middle_of_three(
    noted: Callable[[Bounds], Path], measured: Callable[..., list[How]]
) -> None:
    path = noted(Bounds())
    measured(figures(frames=0.7), figures(frames=0.5), figures(frames=0.6))
    assert speed.main(["--by", "times", "--renew"]) == 0
    made = msgspec.toml.decode(path.read_bytes(), type=Bounds)
    assert made.times[here()].native["frames"] == 0.6
