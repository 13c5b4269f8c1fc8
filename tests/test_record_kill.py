"""kill -9 while a session is recorded: it opens, it plays, and nothing that was acknowledged is missing.

The replay door plays what is left. A process records one session after the other and is killed at a
random moment a hundred times; it is a fork of one that has imported everything already.
"""

import os
import random
from pathlib import Path

import pytest
from builders import played
from killing import children, killed
from moments import busy, in_vcrpy, written

from tapefold.session import Session
from tapefold.session.cassette import END
from tapefold.session.repair import repair

KILLS = 100
ROUNDS = 80
RECORDER = """
import os, random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from moments import busy, meta, tell
from tapefold.record import Recorder
from unguarded import Unguarded

def record(folder, seed):
    rng = random.Random(seed)
    recorder, at = Recorder(folder, meta(), {"binance": Unguarded()}), 0
    say("written", 0)
    while at < len(moments.kept):
        end = at + rng.choice((1, 2, 7, 60))
        tell(moments, recorder, at, end)
        at = min(end, len(moments.kept))
        if rng.random() < 0.5:
            recorder.wait()
            say("written", at)
    recorder.wait()
    while True:
        say("written", at)

moments, _ = busy(int(sys.argv[3]))
fork_for_each(lambda seed: record(Path(sys.argv[2]) / str(seed), seed))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the recorders are forks")
def test_a_hundred_kills_leave_a_hundred_sessions(tmp_path: Path) -> None:
    tape, http = written(busy(ROUNDS)[0], tmp_path / "whole")
    chance = random.Random(1)
    lines = answers = cut = 0
    tests = str(Path(__file__).parent)
    with children(RECORDER, tests, str(tmp_path), str(ROUNDS)) as process:
        for seed in range(KILLS):
            acknowledged = killed(process, seed, chance.randint(1, 60)).get("written", -1)
            folder = tmp_path / str(seed)
            if not folder.exists():
                assert acknowledged == -1
                continue
            some = (folder / "tape.jsonl").read_bytes()
            assert tape.startswith(some)
            assert some.count(b"\n") >= acknowledged
            replay = played(Session(folder))
            assert replay.lines == some.count(b"\n")
            assert bool(replay.session.torn) == (not some.endswith(b"\n") and some != b"")

            repair(folder)
            assert played(Session(folder)).log.digest() == replay.log.digest()
            found = some.count(b'"response"')
            if (folder / "http.yaml").exists():
                more = (folder / "http.yaml").read_bytes()
                assert http.startswith(more)
                assert more.endswith(END)
                assert in_vcrpy(folder / "http.yaml") == [*range(1, more.count(END) + 1)]
                assert more.count(END) in (found, found + 1)
            else:
                assert found == 0
            lines += replay.lines
            answers += found
            cut += some != tape
    assert lines > 100 * KILLS
    assert answers > 5 * KILLS
    assert cut > KILLS // 3
