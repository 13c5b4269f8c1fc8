"""Imports of other recorders' captures, also of generations that the shared recordings do not have.

The replay door: an import ends with a replay of what it wrote, and these tests with a look at it.
"""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from captures import RECORDINGS

from tapefold import CaptureError, Session, SessionError, import_capture, replay_report

T = 1_700_000_000_000_000_000
OLD = "BINANCE-20211012"


def reported(folder: Path) -> dict[str, Any]:
    report = replay_report(Session(folder), fingerprints=True).as_json()
    assert report["reached"] is True
    return {row["native_symbol"]: row for row in report["instruments"]} | {"all": report}


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def delta(native: str, first: int, last: int, *, previous: int | None = None, **sides: Any) -> str:
    data: dict[str, Any] = {"e": "depthUpdate", "E": 1, "s": native, "U": first, "u": last}
    data |= {} if previous is None else {"pu": previous}
    data |= {"b": sides.get("b", []), "a": sides.get("a", [])}
    return frame(f"{native.lower()}@depth@100ms", data)


def frame(stream: str, data: dict[str, Any]) -> str:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":"))


def snapshot(last: int) -> str:
    return json.dumps({"lastUpdateId": last, "bids": [["1.5", "2"]], "asks": [["1.75", "1"]]})


def old_lines(folder: str, *, keep_list: bool) -> list[str]:
    """A capture of three files as one file, in the order of the stamps, as it was once written."""
    found: list[tuple[float, str]] = []
    for path in sorted((RECORDINGS / "cryptofeed" / folder).glob("*.gz")):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            if " <-> " in line[:4000] and line.startswith("ws"):
                found.append((float(line.rpartition(" ")[2]), line))
            elif line.startswith("https"):
                if "exchangeInfo" in line[:200] and not keep_list:
                    continue
                line = line.replace("/api/v3/depth", "/api/v1/depth", 1)
                found.append((float(line.partition(" -> ")[2].partition(":")[0]), line))
            elif line[:1].isdigit():
                found.append((float(line.partition(":")[0]), line))
    found.sort(key=lambda each: each[0])
    return ["configuration: {}", *(line for _, line in found)]


@pytest.mark.parametrize("keep_list", [True, False])
@pytest.mark.usefixtures("oracle")
def test_one_file_with_older_paths_comes_to_the_same(
    keep_list: bool, tmp_path: Path, oracle: dict[str, Any]
) -> None:
    capture = write(tmp_path / "BINANCE.0", old_lines(OLD, keep_list=keep_list))
    imported = import_capture("cryptofeed", [capture], tmp_path / "session")
    assert (imported.without_answer, imported.left_out) == ([], {})
    rows = reported(tmp_path / "session")
    for native, want in oracle[f"cryptofeed/{OLD}"]["symbols"].items():
        final = {key: value for key, value in want["final"].items() if key != "updates_applied"}
        assert {key: rows[native][key] for key in final} == final
        assert (rows[native]["symbol"] == native) is not keep_list


@pytest.mark.usefixtures("oracle")
def test_stamps_in_microseconds_are_known_by_their_length(
    tmp_path: Path, oracle: dict[str, Any], recorded: Callable[[str], Session]
) -> None:
    capture = "hft/usdm-ethusdt-20240808"
    path = RECORDINGS / oracle[capture]["files"][0]
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()[:5000]
    fine = write(tmp_path / "ns", lines)
    coarse = write(tmp_path / "us", [line[:16] + line[19:] for line in lines])
    one, two = (
        import_capture("hftbacktest", [source], tmp_path / f"session-{source.name}").session
        for source in (fine, coarse)
    )
    assert one.meta.digests == two.meta.digests
    assert one.meta.exchanges == ["binance_futures"]
    assert recorded(capture).meta.started_ns == one.meta.started_ns
    assert two.meta.started_ns == one.meta.started_ns // 1000 * 1000


def small(tmp_path: Path, lines: list[str], **options: Any) -> Any:
    capture = write(tmp_path / "capture", [f"{T + n} {line}" for n, line in enumerate(lines)])
    return import_capture("hftbacktest", [capture], tmp_path / "session", **options)


def test_futures_are_told_from_spot_by_their_chain(tmp_path: Path) -> None:
    lines = [delta("AB", 1, 2, b=[["1.5", "2"]]), snapshot(2)]
    assert small(tmp_path, lines).session.meta.exchanges == ["binance"]
    lines = [delta("AB", 1, 2, previous=0, b=[["1.5", "2"]]), snapshot(2)]
    other = tmp_path / "other"
    other.mkdir()
    assert small(other, lines).session.meta.exchanges == ["binance_futures"]


def test_a_symbol_is_what_the_caller_says_and_never_split(tmp_path: Path) -> None:
    lines = [delta("ETHUSDT", 1, 2), snapshot(2), delta("BTCUSDT", 5, 6)]
    small(tmp_path, lines, symbols={"ETHUSDT": "ETH-USDT"})
    rows = reported(tmp_path / "session")
    assert rows["ETHUSDT"]["symbol"] == "ETH-USDT"
    assert rows["BTCUSDT"]["symbol"] == "BTCUSDT"


def test_a_capture_without_a_snapshot_is_imported_and_says_so(tmp_path: Path) -> None:
    imported = small(tmp_path, [delta("AB", 1, 2, b=[["1.5", "2"]]), delta("AB", 3, 4)])
    assert imported.without_answer == ["book AB"]
    row = reported(tmp_path / "session")["AB"]
    assert (row["state"], row["best_bid"], row["updates"]) == ("empty", None, 0)


def test_a_gap_is_announced_and_a_later_snapshot_heals_it(tmp_path: Path) -> None:
    lines = [
        delta("AB", 1, 2),
        snapshot(2),
        delta("AB", 3, 4),
        delta("AB", 9, 10, b=[["1.6", "1"]]),
    ]
    imported = small(tmp_path, [*lines, snapshot(9), delta("AB", 11, 12)])
    assert imported.without_answer == []
    row = reported(tmp_path / "session")["AB"]
    assert (row["gaps"], row["state"], row["updates"], row["snapshots"]) == (1, "live", 3, 2)
    assert row["best_bid"] == {"price": "1.6", "size": "1"}


def test_an_answer_that_nobody_asked_for_is_left_out_and_counted(tmp_path: Path) -> None:
    imported = small(tmp_path, [delta("AB", 1, 2), snapshot(2), snapshot(2)])
    assert imported.left_out == {"answers that the kernel did not ask for": 1}


def test_two_files_of_one_connection_in_any_order(tmp_path: Path) -> None:
    one = write(tmp_path / "1", [f"{T} {delta('AB', 1, 2)}", f"{T + 1} {snapshot(2)}"])
    two = write(tmp_path / "2", [f"{T + 2} {delta('AB', 3, 4)}", f"{T + 3} {delta('AB', 5, 6)}"])
    a, b = (
        import_capture("hftbacktest", files, tmp_path / name).session.meta.digests
        for name, files in (("a", [one, two]), ("b", [two, one]))
    )
    assert a == b
    assert reported(tmp_path / "a")["AB"]["updates"] == 2


def test_two_instruments_in_two_files_each_have_their_snapshot(tmp_path: Path) -> None:
    one = write(tmp_path / "1", [f"{T} {delta('AB', 1, 2)}", f"{T + 9} {snapshot(2)}"])
    two = write(tmp_path / "2", [f"{T + 1} {delta('CD', 7, 8)}", f"{T + 5} {snapshot(8)}"])
    import_capture("hftbacktest", [one, two], tmp_path / "s", exchange="binance")
    rows = reported(tmp_path / "s")
    assert [rows[native]["state"] for native in ("AB", "CD")] == ["live", "live"]


HOST = "wss://stream.binance.com:9443/stream?streams=ab@depth@100ms"
REST = "https://www.binance.com/api/v3/depth?symbol={}&limit=1000"


def cryptofeed(tmp_path: Path, *files: list[str]) -> Any:
    paths = [write(tmp_path / f"F.ws.{n}.0", lines) for n, lines in enumerate(files)]
    return import_capture("cryptofeed", paths, tmp_path / "session")


def test_a_connection_made_anew_is_a_lane_of_its_own(tmp_path: Path) -> None:
    lines = [
        f"{HOST} <-> 1.0",
        f"1.1: {delta('AB', 1, 2)}",
        f"{REST.format('AB')} -> 1.2: {snapshot(2)}",
    ]
    lines += [f"1.3: {delta('AB', 3, 4)}", f"{HOST} <-> 2.0", f"2.1: {delta('AB', 8, 9)}"]
    lines += [f"{REST.format('AB')} -> 2.2: {snapshot(9)}", f"2.3: {delta('AB', 10, 11)}"]
    imported = cryptofeed(tmp_path, lines)
    assert (imported.without_answer, imported.left_out) == ([], {})
    kinds = [(line.lane, line.kind) for line in imported.session.lines() if line.kind != "recv"]
    assert ("binance/1", "close") in kinds
    assert kinds.index(("binance/1", "close")) < kinds.index(("binance/2", "opened"))
    row = reported(tmp_path / "session")["AB"]
    assert (row["gaps"], row["state"], row["snapshots"], row["updates"]) == (0, "live", 2, 2)


def test_two_connections_are_two_lanes(tmp_path: Path) -> None:
    one = [
        f"{HOST} <-> 1.0",
        f"1.1: {delta('AB', 1, 2)}",
        f"{REST.format('AB')} -> 1.5: {snapshot(2)}",
    ]
    two = [
        f"{HOST} <-> 1.2",
        f"1.3: {delta('CD', 1, 2)}",
        f"{REST.format('CD')} -> 1.4: {snapshot(2)}",
    ]
    imported = cryptofeed(tmp_path, one, two)
    lanes = {line.lane for line in imported.session.lines() if line.kind == "recv"}
    assert lanes == {"binance/1", "binance/2"}
    rows = reported(tmp_path / "session")
    assert {rows["AB"]["state"], rows["CD"]["state"]} == {"live"}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress, bytes])
def test_captures_may_be_packed(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    text = f"{T} {delta('AB', 1, 2)}\n{T + 1} {snapshot(2)}\n".encode()
    (tmp_path / "capture").write_bytes(pack(text))
    imported = import_capture("hftbacktest", [tmp_path / "capture"], tmp_path / "s")
    assert imported.session.meta.counts.frames == 1


def test_a_clock_that_was_set_back_a_little_holds_still(tmp_path: Path) -> None:
    lines = [
        f"{T + 5000} {delta('AB', 1, 2)}",
        f"{T} {snapshot(2)}",
        f"{T + 9000} {delta('AB', 3, 4)}",
    ]
    import_capture("hftbacktest", [write(tmp_path / "c", lines)], tmp_path / "s")
    assert reported(tmp_path / "s")["AB"]["updates"] == 1
    lines[1] = f"{T - 5_000_000_000} {snapshot(2)}"
    with pytest.raises(CaptureError, match=r"go back by 5\.000 s"):
        import_capture("hftbacktest", [write(tmp_path / "c", lines)], tmp_path / "other")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "no frame"),
        (["not a line"], "does not begin with a time"),
        ([f"{T} {{}}"], "no frame of a stream"),
        ([f"{T} {delta('AB', 1, 2)}", "17 {}"], "does not begin with a time"),
    ],
)
def test_what_is_no_capture_is_refused_and_leaves_nothing(
    lines: list[str], why: str, tmp_path: Path
) -> None:
    capture = write(tmp_path / "capture", lines)
    with pytest.raises(CaptureError, match=why):
        import_capture("hftbacktest", [capture], tmp_path / "session")
    assert [path.name for path in tmp_path.iterdir()] == ["capture"]


def test_an_import_never_writes_over_anything(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    with pytest.raises(SessionError, match="is there already"):
        small(tmp_path, [delta("AB", 1, 2), snapshot(2)])
    assert not [*(tmp_path / "session").iterdir()]


def test_files_of_two_exchanges_are_not_made_into_one(tmp_path: Path) -> None:
    one = [f"{HOST} <-> 1.0", f"1.1: {delta('AB', 1, 2)}"]
    two = [f"{HOST.replace('.com', '.us')} <-> 1.0", f"1.1: {delta('AB', 1, 2)}"]
    with pytest.raises(CaptureError, match="import one exchange's files at a time"):
        cryptofeed(tmp_path, one, two)


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    capture = write(tmp_path / "c", [f"{T} {delta('AB', 1, 2)}"])
    with pytest.raises(CaptureError, match="named twice"):
        import_capture("hftbacktest", [capture, capture], tmp_path / "s")
