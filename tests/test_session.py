"""Session folders: what they survive, and what they refuse in one line.

The replay door where a folder has to be played to be known as whole; it opens no socket, and what is
tested is the reading of files.
"""

import contextlib
import gzip
import os
import shutil
import subprocess
import sys
import tracemalloc
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
import zstandard
from builders import START, World, delta, played, request, snapshot, tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from tapefold.adapter import Frame, Halt, Request, Resume, SetFees, Submit
from tapefold.errors import AdapterError, Mismatch, Refused, SessionError
from tapefold.log import Log
from tapefold.replay import Replay
from tapefold.session import Meta, Session, SessionWriter, files, new_session
from tapefold.session.cassette import END, HEAD, Cassette
from tapefold.session.interactions import interaction
from tapefold.session.tape import embed, frame_data, read_command, read_line, to_line, told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A sealed session, not to be written to."""
    return tiny(tmp_path_factory.mktemp("made") / "s")


@pytest.fixture(scope="module")
def unsealed(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The same as a kill left it."""
    return tiny(tmp_path_factory.mktemp("unsealed") / "s", sealed=False)


@pytest.fixture
def copy(made: Session, tmp_path: Path) -> Path:
    """A sealed session's folder, to be edited."""
    return Path(shutil.copytree(made.folder, tmp_path / "s"))


def refused(folder: Path) -> str:
    """What is said of a session that cannot be played; it is one line, and no other kind of error."""
    with pytest.raises(SessionError) as caught:
        played(Session(folder))
    text = str(caught.value)
    assert "\n" not in text
    assert str(folder) in text
    return text


def edit(path: Path, old: bytes, new: bytes) -> None:
    """Replace the one place that has *old*."""
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))


def pack(folder: Path) -> Path:
    """Make the tape a .zst."""
    tape = folder / "tape.jsonl"
    packed = tape.with_name("tape.jsonl.zst")
    packed.write_bytes(zstandard.compress(tape.read_bytes()))
    tape.unlink()
    return packed


# Writing and reading again


def test_a_sealed_session_reaches_its_digests_and_knows_that_nobody_edited_it(
    made: Session,
) -> None:
    assert played(made).digests() == made.meta.digests
    assert made.edited() is False
    assert (made.meta.counts.lines, made.meta.counts.events) == (57, 51)


def test_an_edited_session_knows_it(copy: Path) -> None:
    edit(copy / "tape.jsonl", b'"1.17"', b'"1.18"')
    assert Session(copy).edited() is True


@pytest.mark.parametrize(
    "data", [b"\x01" * (6 << 20), "\u2028".encode() * 10, b"[" * files.FRAME_MAX]
)
def test_no_frame_makes_a_line_that_is_longer_than_a_line_may_be(data: bytes) -> None:
    element, coding = embed(data)
    line = to_line(2**62 - 1, "x/1", "recv", element, coding)
    assert len(line) <= files.LINE_MAX
    assert coding == ("base64" if data[0] == 1 else "")
    assert frame_data(read_line(line)) == data


@given(st.binary(max_size=60) | st.text(max_size=20).map(str.encode))
def test_any_frame_survives_the_tape(data: bytes) -> None:
    line = to_line(5, "x/1", "recv", *embed(data))
    assert line.count(b"\n") == 1
    assert frame_data(read_line(line[:-1])) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1, 2]",
        b'{"a":1}\n',
        b'{"a":\r1}',
        b'{"a":\n1}',
        b" {}",
        b'{"a":1} ',
        b'{"a":"\xff"}',
        b"{",
        b'"text"',
        b"1",
        b"\0\xff",
        b'{"a":1}{"b":2}',
        b'{"a":1},"base64"',
        b"[" * 5000 + b"]" * 5000,
        '{"ü":"\u2028"}'.encode(),
    ],
)
def test_frames_of_every_kind_survive_the_tape(data: bytes, tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, Meta(exchanges=["x"], source="simulator", started_ns=START))
    writer.frame(Frame(START + 1, "x/1", "recv", data))
    writer.close()
    (line,) = Session(tmp_path).lines()
    assert frame_data(line) == data
    assert len((tmp_path / "tape.jsonl").read_bytes().splitlines()) == 1


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b"~", b"\xff\0", b"# end\n", b"a\n# end\nb", "ü\u2028".encode()]
)
def test_answers_of_every_kind_survive_the_cassette(body: bytes, tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, Meta(exchanges=["x"], source="simulator", started_ns=START))
    for n, data in ((1, body), (2, b"after")):
        asked = Request("GET", "https://x/", "book", "AB", n=n, lane="x/http")
        writer.frame(Frame(START, "x/http", "response", data, asked, 200))
    writer.close()
    cassette = Cassette(tmp_path)
    assert cassette.answer(2).body == b"after"
    assert cassette.answer(1).body == body


def test_a_large_tape_is_packed_when_it_is_sealed(tmp_path: Path) -> None:
    meta = Meta(exchanges=["binance"], source="simulator", started_ns=START)
    writer = SessionWriter(tmp_path, meta)
    world = World(writer=writer)
    world.declare("AB")
    world.subscribe("AB")
    world.answer(request(world.opened()), snapshot(0))
    for number in range(1, 9000):
        world.hear(delta(number, number, [(f"1.{number}", "1")]))
    writer.close()
    writer.seal(played(Session(tmp_path)).digests(), world.log.head)
    assert [path.name for path in sorted(tmp_path.iterdir()) if "tape" in path.name] == [
        "tape.jsonl.zst"
    ]
    session = Session(tmp_path)
    assert played(session).digests() == session.meta.digests
    assert session.edited() is False


def test_a_binary_frame_is_one_in_its_line_too(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, Meta(exchanges=["x"], source="simulator", started_ns=START))
    writer.frame(Frame(START, "x/1", "recv", b'{"a":1}', binary=True))
    writer.close()
    assert (tmp_path / "tape.jsonl").read_bytes() == b'[0,"x/1","recv","eyJhIjoxfQ==","base64"]\n'
    (line,) = Session(tmp_path).lines()
    assert (line.coding, frame_data(line)) == ("base64", b'{"a":1}')


@pytest.mark.parametrize(
    ("headers", "seconds", "kept"),
    [
        ({}, 0, {}),
        ({"content-type": "text/json"}, 0, {"content-type": "text/json"}),
        ({"retry-after": "12"}, 12, {"retry-after": "12"}),
        ({}, 12, {"retry-after": "12"}),
        ({"retry-after": "99"}, 12, {"retry-after": "12"}),
        ({"retry-after": "soon"}, 0, {"retry-after": "soon"}),
        ({"retry-after": "٣"}, 0, {"retry-after": "٣"}),
        ({"x": "a: b\n# end\n", "y": "null"}, 0, {"x": "a: b\n# end\n", "y": "null"}),
    ],
)
def test_an_answers_headers_survive_the_cassette(
    tmp_path: Path, headers: dict[str, str], seconds: int, kept: dict[str, str]
) -> None:
    writer = SessionWriter(tmp_path, Meta(exchanges=["x"], source="simulator", started_ns=START))
    asked = Request("GET", "https://x/", "book", "AB", n=1, lane="x/http")
    writer.frame(Frame(START, "x/http", "response", b"", asked, 429, retry_after=seconds), headers)
    writer.close()
    answer = Cassette(tmp_path).answer(1)
    assert answer.headers == kept
    assert answer.retry_after == seconds


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        (b"{Retry-After: ['7'], X: [a, b]}", {"retry-after": "7", "x": "a, b"}),
        (b"{Retry-After: 7}", {"retry-after": "7"}),
        (b"{A: {b: c}, D: [[e]]}", {"a": "", "d": ""}),
        (b"{Retry-After: '7', X: [a]}", {"retry-after": "7", "x": "a"}),
        (b"null", {}),
        (b"[]", {}),
    ],
)
def test_headers_as_others_write_them_are_read(
    tmp_path: Path, headers: bytes, read: dict[str, str]
) -> None:
    (tmp_path / "http.yaml").write_bytes(
        b"interactions:\n- response: {status: {code: 200}, body: {string: x}, headers: "
        + headers
        + b"}\n"
    )
    assert Cassette(tmp_path).answer(1).headers == read


def cassette(folder: Path, body: object, headers: object = None) -> Cassette:
    """One as vcrpy writes it."""
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": body}
    request = {"method": "GET", "uri": "https://h/p", "body": None}
    whole = {"version": 1, "interactions": [{"request": request, "response": response}]}
    (folder / "http.yaml").write_text(yaml.safe_dump(whole))
    return Cassette(folder)


@pytest.mark.parametrize(
    ("said", "body"),
    [(None, b""), ("", b""), ("null", b"null"), ("~", b"~"), (b"\xff", b"\xff"), ("x", b"x")],
)
def test_a_body_that_is_null_is_empty_and_one_that_says_so_is_not(
    tmp_path: Path, said: object, body: bytes
) -> None:
    assert cassette(tmp_path, {"string": said}).answer(1).body == body


@pytest.mark.parametrize("word", ["null", "Null", "NULL", "~", ""])
def test_yaml_has_five_words_for_null(tmp_path: Path, word: str) -> None:
    data = (
        f"interactions:\n- response:\n    status: {{code: 200}}\n    body:\n      string: {word}\n"
    )
    (tmp_path / "http.yaml").write_text(data)
    assert Cassette(tmp_path).answer(1).body == b""


def raw(data: bytes) -> bytes:
    """Deflate without what zlib puts around it."""
    pack = zlib.compressobj(wbits=-15)
    return pack.compress(data) + pack.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("GZIP", gzip.compress(b'{"a":1}', mtime=0)),
        ("x-gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("deflate", raw(b'{"a":1}')),
        ("deflate, gzip", gzip.compress(zlib.compress(b'{"a":1}'), mtime=0)),
        ("identity", b'{"a":1}'),
        ("gzip", b'{"a":1}'),  # aiohttp unpacks it, and keeps the header
        ("br", b'{"a":1}'),
    ],
)
def test_a_body_that_was_kept_packed_is_unpacked(
    tmp_path: Path, encoding: str, body: bytes
) -> None:
    headers = {"Content-Encoding": [encoding], "A": ["b"]}
    answer = cassette(tmp_path, {"string": body}, headers).answer(1)
    assert (answer.body, answer.headers) == (b'{"a":1}', {"a": "b"})


@pytest.mark.parametrize(
    ("encoding", "body", "says"),
    [
        ("gzip", gzip.compress(bytes(files.FRAME_MAX + 1), mtime=0), "more than 16777216 bytes"),
        ("gzip", gzip.compress(b"abc", mtime=0)[:-1], "cut short"),
        ("gzip", b"\x1f\x8b\xff\xff", "damaged"),
        ("deflate", b"\xff\xff", "damaged"),
        ("br", b"\xff\xff", "'br'"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(
    tmp_path: Path, encoding: str, body: bytes, says: str
) -> None:
    with pytest.raises(SessionError, match=r"interaction 1 has a .*body") as error:
        cassette(tmp_path, {"string": body}, {"content-encoding": encoding}).answer(1)
    assert says in str(error.value)


def test_an_answer_of_control_characters_alone_is_no_longer_than_one_may_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("cassette", "interactions"):
        monkeypatch.setattr(f"tapefold.session.{module}.ITEM_MAX", 4096)
    body = b"\x01" * 2000
    asked = Request("GET", "https://x/", "book", "AB", n=1, lane="x/http")
    item = interaction(Frame(START, "x/http", "response", body, asked, 200))
    assert len(item) < 4096
    (tmp_path / "http.yaml").write_bytes(HEAD + item)
    assert Cassette(tmp_path).answer(1).body == body


def test_what_a_dead_process_was_making_is_removed_by_the_next_that_makes_it(
    tmp_path: Path,
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    making = [".s.making-", ".s.making-x", ".other.making-1", f".s.making-{os.getppid()}"]
    gone = [f".s.making-{dead.pid}", f".s.making-{os.getpid()}", ".s.making-99999999999999"]
    for name in making + gone:
        (tmp_path / name).mkdir()
        (tmp_path / name / "tape.jsonl").write_bytes(b"half")
    with new_session(tmp_path / "s") as work:
        assert work.parent == tmp_path
    assert {path.name for path in tmp_path.iterdir()} == {*making, "s"}


# Torn and cut


def test_a_tape_torn_anywhere_replays_its_whole_lines(unsealed: Session, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(unsealed.folder, tmp_path / "s"))
    whole = unsealed.tape.read_bytes()
    log = Log()
    full = played(unsealed, log)
    for size in range(0, len(whole), 97):
        (folder / "tape.jsonl").write_bytes(whole[:size])
        replay = played(Session(folder))
        assert replay.lines == whole[:size].count(b"\n")
        assert replay.log.head <= full.log.head


def test_a_prefix_of_a_session_gives_a_prefix_of_its_log(unsealed: Session, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(unsealed.folder, tmp_path / "s"))
    lines = unsealed.tape.read_bytes().splitlines(keepends=True)
    growing = Replay(unsealed)
    for number in range(1, len(lines)):
        assert growing.play(1)
        (folder / "tape.jsonl").write_bytes(b"".join(lines[:number]) + lines[number][:-1])
        assert played(Session(folder)).digests() == growing.digests()


def test_a_cassette_torn_in_its_last_answer_replays_up_to_it(
    unsealed: Session, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(unsealed.folder, tmp_path / "s"))
    whole = (unsealed.folder / "http.yaml").read_bytes()
    last = whole.rindex(END, 0, len(whole) - 1) + len(END)
    tape = unsealed.tape.read_bytes()
    (folder / "tape.jsonl").write_bytes(tape[: tape.index(b'"response",{"n":5') - 30])
    digests = played(Session(folder)).digests()
    for size in range(last, len(whole), 7):
        (folder / "http.yaml").write_bytes(whole[:size])
        assert played(Session(folder)).digests() == digests


def test_an_answer_that_is_on_the_tape_alone_is_missed_by_its_number(copy: Path) -> None:
    data = (copy / "http.yaml").read_bytes()
    (copy / "http.yaml").write_bytes(data[: data.rindex(END, 0, len(data) - 1)])
    assert "no answer to request" in refused(copy)
    (copy / "http.yaml").unlink()
    assert "http.yaml" in refused(copy)


@pytest.mark.parametrize("lines", [0, 1, 30, 56])
def test_a_sealed_tape_that_was_cut_short_is_named(copy: Path, lines: int) -> None:
    tape = copy / "tape.jsonl"
    whole = tape.read_bytes().splitlines(keepends=True)
    for torn in (b"", whole[lines][:-1], whole[lines][:9]):
        tape.write_bytes(b"".join(whole[:lines]) + torn)
        text = refused(copy)
        assert "tape.jsonl was cut short" in text
        assert f"{lines} whole lines of 57" in text


def test_a_packed_tape_that_was_cut_short_is_named(copy: Path) -> None:
    packed = pack(copy)
    whole = packed.read_bytes()
    for size in range(0, len(whole), 13):
        packed.write_bytes(whole[:size])
        assert "tape.jsonl.zst" in refused(copy)


def test_a_packed_tape_with_a_damaged_byte_is_an_error_or_the_same(copy: Path) -> None:
    digests = played(Session(copy)).digests()
    tape = copy / "tape.jsonl"
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(tape.read_bytes())
    tape.unlink()
    packed = copy / "tape.jsonl.zst"
    for at in range(0, len(whole), 17):
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with contextlib.suppress(SessionError, Mismatch):
            assert played(Session(copy)).digests() == digests


# Files that are not what they should be


WRONG_LINES = [
    (b"", "line 6"),
    (b"{", "line 6"),
    (b"null", "line 6"),
    (b"{}", "line 6"),
    (b"[]", "line 6"),
    (b'[1,"binance/1","recv"]', "line 6"),
    (b'["1","binance/1","recv",{}]', "line 6"),
    (b'[-1,"binance/1","recv",{}]', "line 6"),
    (b'[1.5,"binance/1","recv",{}]', "line 6"),
    (b'[99999999999999999999,"binance/1","recv",{}]', "line 6"),
    (b'[4000000,"binance/1","heard",{}]', "line 6"),
    (b'[4000000,"binance/1","recv",{}', "line 6"),
    (b'[4000000,"binance/1","recv",{}]]', "line 6"),
    (b'[4000000,"binance/1","recv","x","base64"]', "line 6"),
    (b'[4000000,"binance/1","recv","\xff"]', "line 6"),
    (b'[4000000,"binance/1","recv",' + b"[" * 100_000 + b"]", "line 6"),
    (b'[2000000,"binance/1","recv",{}]', "line 6: its time goes back"),
    (b'[4000000,"engine","command",{"command":"explode"}]', "line 6"),
    (b'[4000000,"engine","command",7]', "line 6"),
    (b'[4000000,"engine","command",{"command":"subscribe","exchange":"kraken","instruments":[]}]',
     "line 6"),
    (b'[4000000,"binance/http","response",{"n":"2","status":200}]', "line 6"),
    (b'[4000000,"binance/http","response",{"n":2,"status":2000}]', "line 6"),
    (b'[4000000,"binance/http","failed",{"n":2}]', "line 6"),
    (b'[4000000,"binance/1","close",{"by":"nobody","code":1}]', "line 6"),
    (b'[4000000,"binance/1","close",{"by":"exchange","code":70000}]', "line 6"),
    (b'[4000000,"engine","command",{"command":"\xff"}]', "line 6"),
    (b'[4000000,"binance/1","sent",{"text":"\xff"}]', "line 6"),
    (b'[4000000,"binance/http","request",{"n":9,"method":"\xff","url":""}]', "line 6"),
    (b'[4000000,"binance/http","request",{"n":9}]', "line 6"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "says"), WRONG_LINES)
def test_a_wrong_line_is_named_by_its_number(copy: Path, line: bytes, says: str) -> None:
    tape = copy / "tape.jsonl"
    lines = tape.read_bytes().splitlines(keepends=True)
    tape.write_bytes(b"".join([*lines[:5], line + b"\n", *lines[6:]]))
    assert says in refused(copy)


@pytest.mark.parametrize("name", ["tape.jsonl", "session.toml", "http.yaml"])
@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe"])
def test_a_session_keeps_plain_files_in_its_own_folder(copy: Path, name: str, kind: str) -> None:
    path = copy / name
    elsewhere = copy.parent / "elsewhere"
    path.replace(elsewhere)
    match kind:
        case "link":
            path.symlink_to(elsewhere)
        case "dangling":
            path.symlink_to(copy.parent / "nowhere")
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    assert name in refused(copy)


def test_what_is_no_session_is_said_to_be_none(tmp_path: Path, copy: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "session.toml" in refused(tmp_path)
    shutil.copy(copy / "tape.jsonl", copy / "tape.jsonl.zst")
    assert "two tapes" in refused(copy)
    (copy / "tape.jsonl").unlink()
    (copy / "tape.jsonl.zst").unlink()
    assert "no tape" in refused(copy)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"format = 1\n", b"format = 2\n", "newer tapefold"),
        (b"format = 1\n", b"format = 99\nsomething_new = 1\n", "newer tapefold"),
        (b"format = 1\n", b"", "session.toml"),
        (b"format = 1\n", b'format = "1"\n', "session.toml"),
        (b"format = 1\n", b"format = 1\n[", "session.toml"),
        (b"format = 1\n", b"format = 1\n# \xff\n", "session.toml"),
        (b"started_ns = 17", b"started_ns = -17", "session.toml"),
        (b"started_ns = 17", b"started_ns = 1700000000000", "session.toml"),
        (b'"binance"', b'"../binance"', "no name of an exchange"),
        (b'"binance"', b'""', "no name of an exchange"),
        (b'"simulator"', b'"somewhere"', "session.toml"),
        (b"format = 1\n", b"format = 1\nx = " + b"[" * 5000 + b"]" * 5000, "session.toml"),
        (b"format = 1\n", b"format = 1\n#" + b"x" * (1 << 20), "longer than"),
    ],
)
def test_a_wrong_session_toml_is_refused(copy: Path, old: bytes, new: bytes, says: str) -> None:
    edit(copy / "session.toml", old, new)
    assert says in refused(copy)


EVIL = {
    "a python tag": b"- !!python/object/apply:os.system ['touch %s']\n",
    "a tag of its own": b"- request: {}\n  response: !evil {n: 1}\n",
    "aliases": b"- &a [x, x]\n- [*a, *a]\n",
    "deep nesting": b"- " + b"[" * 50_000 + b"]" * 50_000 + b"\n",
    "deep mappings": b"- " + b"{a: " * 5_000 + b"}" * 5_000 + b"\n",
    "a key that is a list": b"- ? [a]\n  : b\n",
    "not a cassette": b"- 1\n- 2\n",
    "a list in the place of a body": b"- request: {}\n  response: {n: 1, status: {code: 200}, "
    b"headers: {}, body: {string: []}}\n",
    "a number that is none": b"- request: {}\n  response: {n: x, status: {code: 200}, "
    b"body: {string: x}}\n",
    "an endless number": b"- request: {}\n  response: {n: " + b"1" * 5000 + b", "
    b"status: {code: 200}, body: {string: x}}\n",
    "binary that is none": b"- request: {}\n  response: {n: 1, status: {code: 200}, "
    b"body: {string: !!binary x}}\n",
    "no yaml": b"- [\n",
    "no text": b"- \xff\xfe\n",
    "a zero": b"- \0\n",
    "two documents": b"- 1\n--- \n- 2\n",
}


@pytest.mark.parametrize("what", EVIL)
@pytest.mark.parametrize("end", [END, b""])
def test_an_evil_cassette_is_refused_and_does_nothing(copy: Path, what: str, end: bytes) -> None:
    sign = copy.parent / "sign"
    text = EVIL[what].replace(b"%s", str(sign).encode())
    (copy / "http.yaml").write_bytes(b"version: 1\ninteractions:\n" + text + end)
    said = refused(copy)
    assert ("an alias" in said) or what != "aliases" or end != END
    assert not sign.exists()


@pytest.mark.parametrize("data", [b"", b"[]", b"x: 1\n", b"interactions: 7\n", b"interactions:\n"])
def test_what_is_no_cassette_is_refused(copy: Path, data: bytes) -> None:
    (copy / "http.yaml").write_bytes(data)
    assert "http.yaml" in refused(copy)


# Bombs


def bomb(packed: Path) -> None:
    """Two gigabytes of one line, in a few kilobytes."""
    frame = zstandard.compress(b"a" * (64 << 20))
    with packed.open("wb") as file:
        for _ in range(32):
            file.write(frame)


def test_a_bomb_is_refused_before_it_takes_memory(copy: Path) -> None:
    bomb(pack(copy))
    tracemalloc.start()
    try:
        assert f"longer than {files.LINE_MAX} bytes" in refused(copy)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * files.LINE_MAX


def test_a_window_that_takes_too_much_memory_is_refused(copy: Path) -> None:
    data = (copy / "tape.jsonl").read_bytes()
    wide = zstandard.ZstdCompressionParameters(compression_level=1, window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = pack(copy)
    packed.write_bytes(packer.compress(data) + packer.flush())
    assert "tape.jsonl.zst" in refused(copy)


def test_a_tape_without_end_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SESSION_MAX", 100)
    assert "more than 100 bytes" in refused(copy)


def test_a_cassette_without_end_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapefold.session.cassette.ITEM_MAX", 150)
    assert "more than 150 bytes" in refused(copy)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_session_with_any_byte_changed_is_played_or_refused(
    made: Session, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["tape.jsonl", "session.toml", "http.yaml"]))
    whole = (made.folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(made.folder, folder, dirs_exist_ok=True)
    (folder / name).write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        played(Session(folder))
    except (AdapterError, SessionError, Mismatch):
        return
    except Exception as error:
        raise AssertionError(f"{name}, byte {at}: {whole[at]} to {byte}: {error!r}") from error
    finally:
        shutil.rmtree(folder)


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="a part of its path is no folder"):
        with new_session(tmp_path / "file" / "x"):
            pass


def test_equal_commands_are_equal_lines_whatever_objects_they_are_made_of() -> None:
    """What came by pickle or from a parser is equal and not the same; a tape tells no difference."""
    word = "".join(["li", "mit"])
    one = Submit("binance", "BTC-USDT", "buy", Decimal(1), Decimal(2), order_type="limit")
    other = Submit(
        "binance",
        "BTC-USDT",
        "buy",
        Decimal(1),
        Decimal(2),
        order_type=cast("Any", word),
        by="".join(["call", "er"]),
    )
    assert one == other
    assert told(one) == told(other)
    assert read_command(told(one)) == one
    for command in (Resume(), Halt("now"), SetFees("binance", Decimal(0), Decimal("0.1"))):
        assert read_command(told(command)) == command
