"""Real recordings against the oracle: imported, replayed through the first door, and folded again.

The replay door, since what is tested is decoding, sync and folding; no socket takes part.
"""

from collections.abc import Callable
from typing import Any

import pytest
from captures import CAPTURES

from tapefold.report import replay_report
from tapefold.session import Session

COUNTS = (
    "depth_updates",
    "snapshots",
    "dropped_stale",
    "applied",
    "depth_gaps",
    "book_tickers",
    "trades",
)


@pytest.mark.parametrize("capture", CAPTURES)
def test_a_capture_comes_to_what_the_oracle_says(
    capture: str, oracle: dict[str, Any], recorded: Callable[[str], Session]
) -> None:
    report = replay_report(recorded(capture), fingerprints=True).as_json()
    wanted = oracle[capture]["symbols"]
    got = {row["native_symbol"]: row for row in report["instruments"]}
    assert got.keys() == wanted.keys()
    for native, want in wanted.items():
        row = got[native]
        final = want["final"]
        assert row["updates"] == final.pop("updates_applied")
        assert {key: row[key] for key in final} == final
        assert row.get("trade_digest") == want.get("trade_digest")
        assert row["gaps"] == want["depth_gaps"]
        assert {key: row[key] for key in COUNTS} == {key: want.get(key, 0) for key in COUNTS}
    assert report["anomalies"] == 0
    assert report["reached"] is True
