"""Sessions that were cut anywhere: they are read as far as they go, and repaired for other tools.

The replay door where a session has to be played to be known as whole; nothing is opened, and the cuts
are made in files.
"""

import shutil
from pathlib import Path
from random import Random

import pytest
from builders import tiny
from moments import busy, in_vcrpy, written
from tiny import run

from tapefold.errors import Refused, SessionError
from tapefold.replay import Replay
from tapefold.session import LiveWriter, Meta, Session, SessionWriter
from tapefold.session.cassette import END, HEAD, Cassette
from tapefold.session.repair import repair

CUTS = 300


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session that was never sealed, with 22 answers; not to be written to."""
    folder = tmp_path_factory.mktemp("torn") / "s"
    written(busy(20)[0], folder)
    return folder


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A sealed session, not to be written to."""
    return tiny(tmp_path_factory.mktemp("sealed") / "s")


def copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """What is in a folder, and which files those are."""
    return {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()}


def played(folder: Path) -> Replay:
    replay = Replay(Session(folder))
    while replay.play(4096):
        pass
    return replay


def digests(folder: Path) -> list[str]:
    """The digest of the log after each line, and before the first."""
    replay = Replay(Session(folder))
    found = [replay.log.digest()]
    while replay.play(1):
        found.append(replay.log.digest())
    return found


def playable(tape: bytes, http: bytes) -> int:
    """How many lines can be played, by the letter of what is written and by no code of the reader."""
    answered = http.count(END)
    lines = tape.split(b"\n")[:-1]
    for number, line in enumerate(lines):
        if b'"response"' in line:
            answered -= 1
            if answered < 0:
                return number
    return len(lines)


# Any cut


def test_any_cut_of_both_files_leaves_a_prefix_that_plays_and_that_can_be_repaired(
    torn: Path, tmp_path: Path
) -> None:
    chance = Random(3)
    wanted = digests(torn)
    tape, http = (torn / "tape.jsonl").read_bytes(), (torn / "http.yaml").read_bytes()
    folder = copy(torn, tmp_path / "s")
    kept: set[int] = set()
    for cut in range(CUTS):
        some = tape[: chance.randrange(len(tape) + 1)] if cut % 3 != 1 else tape
        more = http[: chance.randrange(len(http) + 1)] if cut % 3 != 0 else http
        (folder / "tape.jsonl").write_bytes(some)
        (folder / "http.yaml").write_bytes(more)
        lines = playable(some, more)
        kept.add(lines)

        replay = played(folder)
        assert (replay.lines, replay.log.digest()) == (lines, wanted[lines])
        assert bool(replay.session.torn) == (some != b"".join(tape.splitlines(True)[:lines]))

        repair(folder)
        assert (folder / "tape.jsonl").read_bytes() == b"".join(tape.splitlines(True)[:lines])
        again = played(folder)
        assert (again.lines, again.session.torn) == (lines, "")
        assert again.log.digest() == wanted[lines]
        assert repair(folder) == []
        whole = more.count(END)
        if whole:
            assert in_vcrpy(folder / "http.yaml") == [*range(1, whole + 1)]
        assert (folder / "http.yaml").exists() == (whole > 0)
    assert len(kept) > 100


@pytest.mark.parametrize("size", range(len(HEAD) + 1))
def test_a_cassette_torn_in_its_first_line_is_an_empty_one(
    torn: Path, tmp_path: Path, size: int
) -> None:
    folder = copy(torn, tmp_path / "s")
    (folder / "http.yaml").write_bytes(HEAD[:size])
    session = Session(folder)
    lines = list(session.lines())
    assert lines[-1].kind == "request"
    assert session.torn == "all from line 3 on, an answer that http.yaml does not have"
    assert repair(folder)[1:] == ["http.yaml: all of it, since there is no whole interaction in it"]
    assert not (folder / "http.yaml").exists()
    assert len(list(Session(folder).lines())) == 2


def test_a_first_answer_that_was_torn_in_its_body_is_none(tmp_path: Path) -> None:
    """Cut off, plain text is text still, and would pass for the whole of it."""
    (tmp_path / "http.yaml").write_bytes(
        HEAD + b"- response: {n: 1, status: {code: 200}, body: {string: 12345}}\n"
    )
    assert Cassette(tmp_path, sealed=False).find(1) is None
    assert Cassette(tmp_path).answer(1).body == b"12345"


def test_a_cassette_whose_ends_somebody_took_out_is_read_in_a_torn_session_too(torn: Path) -> None:
    data = (torn / "http.yaml").read_bytes()
    folder = copy(torn, torn.with_name("without-ends"))
    (folder / "http.yaml").write_bytes(data.replace(END, b""))
    assert played(folder).lines == played(torn).lines
    assert repair(folder) == []


def test_a_cassette_that_is_not_there_is_named(torn: Path, tmp_path: Path) -> None:
    folder = copy(torn, tmp_path / "s")
    (folder / "http.yaml").unlink()
    for read in (played, repair):
        with pytest.raises(SessionError, match=r"http\.yaml cannot be read: No such file"):
            read(folder)
    assert (folder / "tape.jsonl").read_bytes() == (torn / "tape.jsonl").read_bytes()


# What repair says, and what it leaves alone


def test_what_was_dropped_is_said(torn: Path, tmp_path: Path) -> None:
    folder = copy(torn, tmp_path / "s")
    http = folder / "http.yaml"
    data = http.read_bytes()
    last = len(data) - data.rindex(END, 0, -1) - len(END)
    http.write_bytes(data[:-1])
    assert repair(folder) == [
        "tape.jsonl: 11 lines, the first an answer that http.yaml does not have",
        f"http.yaml: a last interaction that is not whole, {last - 1} bytes",
    ]
    http.write_bytes(data[: data.index(END) + len(END)])
    lines = (folder / "tape.jsonl").read_bytes().count(b"\n")
    assert repair(folder) == [
        f"tape.jsonl: {lines - 6} lines, the first an answer that http.yaml does not have"
    ]
    assert in_vcrpy(http) == [1]


def test_a_sound_session_is_left_alone(sealed: Session, torn: Path) -> None:
    for folder in (sealed.folder, torn):
        before = files(folder)
        assert repair(folder) == []
        assert repair(folder, unseal=True) == []
        assert files(folder) == before


def test_a_sealed_session_that_lacks_something_is_refused(sealed: Session, tmp_path: Path) -> None:
    short, unanswered = copy(sealed.folder, tmp_path / "a"), copy(sealed.folder, tmp_path / "b")
    tape, http = (sealed.folder / name for name in ("tape.jsonl", "http.yaml"))
    (short / "tape.jsonl").write_bytes(tape.read_bytes()[:-1])
    data = http.read_bytes()
    (unanswered / "http.yaml").write_bytes(data[: data.rindex(END, 0, -1) + 20])
    for folder in (short, unanswered):
        before = files(folder)
        with pytest.raises(SessionError, match="is sealed, and lacks some") as caught:
            repair(folder)
        assert f"`tapefold session repair --unseal {folder}`" in str(caught.value)
        assert files(folder) == before

        dropped = repair(folder, unseal=True)
        assert dropped[0] == "session.toml: that it is sealed, and the digests to reach"
        assert len(dropped) > 1
        session = Session(folder)
        assert (session.meta.sealed, session.meta.cut) == (False, True)
        assert session.meta.digests.log == ""
        assert played(folder).session.torn == ""
        assert repair(folder) == []


def test_what_is_wrong_elsewhere_than_at_an_end_is_said_and_not_repaired(
    sealed: Session, tmp_path: Path
) -> None:
    folder = copy(sealed.folder, tmp_path / "s")
    lines = (folder / "tape.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "tape.jsonl").write_bytes(b"".join([*lines[:5], b"nonsense\n", *lines[6:20]]))
    before = files(folder)
    with pytest.raises(SessionError, match="line 6"):
        repair(folder, unseal=True)
    assert files(folder) == before


def test_what_a_kill_left_of_a_sealing_is_removed(torn: Path, tmp_path: Path) -> None:
    folder = copy(torn, tmp_path / "s")
    for name in ("tape.jsonl.zst", "tape.jsonl.zst.new", "session.toml.new"):
        (folder / name).write_bytes(b"half")
    assert played(folder).lines == played(torn).lines
    assert repair(folder) == [
        f"{name}: left over from a kill"
        for name in ("session.toml.new", "tape.jsonl.zst.new", "tape.jsonl.zst")
    ]
    assert {*files(folder)} == {"session.toml", "tape.jsonl", "http.yaml"}


def test_a_torn_tape_that_is_packed_is_refused(sealed: Session, tmp_path: Path) -> None:
    import zstandard

    folder = tmp_path / "s"
    folder.mkdir()
    SessionWriter(folder, Meta(exchanges=["binance"], source="live", started_ns=0)).close()
    (folder / "tape.jsonl").unlink()
    packed = folder / "tape.jsonl.zst"
    packed.write_bytes(zstandard.compress(sealed.tape.read_bytes()[:30]))
    with pytest.raises(SessionError, match="is packed, and cannot be repaired: unpack it first"):
        repair(folder)


def test_a_session_that_is_being_recorded_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    writer = LiveWriter(folder, Meta(exchanges=["binance"], source="live", started_ns=0))
    writer.line(b'[0,"bin')
    before = files(folder)
    with pytest.raises(Refused, match="is being recorded: repair it when that has ended"):
        repair(folder)
    assert files(folder) == before
    writer.close()
    assert repair(folder) == ["tape.jsonl: a last line that is not whole"]


def test_a_sealed_answer_that_is_none_is_named(sealed: Session, tmp_path: Path) -> None:
    folder = copy(sealed.folder, tmp_path / "s")
    tape = folder / "tape.jsonl"
    tape.write_bytes(tape.read_bytes().replace(b'"response",{"n":3', b'"response",{"n":"3"'))
    with pytest.raises(SessionError, match="line "):
        repair(folder)


def test_what_is_repaired_is_as_private_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    writer = LiveWriter(folder, Meta(exchanges=["binance"], source="live", started_ns=0))
    writer.line(b'[0,"binance/1","open",{"url":"wss://x"}]\n')
    writer.line(b'[1,"bin')
    writer.close()
    assert repair(folder) == ["tape.jsonl: a last line that is not whole"]
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600, 0o600]


# The command line


def test_the_command_repairs_and_says_what_it_dropped(torn: Path, tmp_path: Path) -> None:
    folder = copy(torn, tmp_path / "s")
    tape = folder / "tape.jsonl"
    tape.write_bytes(tape.read_bytes()[:-5])
    result = run("session", "repair", folder)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"repaired {folder}, and dropped",
        "  tape.jsonl: a last line that is not whole",
    ]
    result = run("session", "repair", folder)
    assert (result.exit_code, result.stdout) == (
        0,
        f"{folder} is sound: there is nothing to repair\n",
    )


def test_the_command_refuses_a_sealed_session_in_one_line(sealed: Session, tmp_path: Path) -> None:
    folder = copy(sealed.folder, tmp_path / "s")
    (folder / "tape.jsonl").write_bytes(sealed.tape.read_bytes()[:-1])
    result = run("session", "repair", folder)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
    assert run("session", "repair", "--unseal", folder).exit_code == 0
    assert run("replay", folder).exit_code == 0


def test_the_command_needs_a_session(tmp_path: Path) -> None:
    assert run("session", "repair", tmp_path).exit_code == 3
    assert run("session", "repair").exit_code == 2
