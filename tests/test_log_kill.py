"""kill -9 while a log is written: what was acknowledged is there, and nothing is half there.

Needs no door: a process appends to one log, is killed at a random moment a hundred times, and begins
again where the log ends. The process is a fork of one that has imported everything already.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders import digest_of

from tapefold.events import RequestFailed
from tapefold.log import read_log

KILLS = 100
STEP_MAX = 400
WRITER = """
import os, random, sys
from pathlib import Path
from tapefold.events import RequestFailed
from tapefold.log import open_log

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole, or not at all

def write(path, seed):
    rng, log = random.Random(seed), open_log(path)
    say("head", log.head)
    while True:
        size = rng.choice((1, 2, 3, 40, 300))
        for left in range(size, 0, -1):
            subject = f"{left - 1} more of this step" + "s" * rng.randrange(60)
            log.append(log.head, RequestFailed(exchange="x", purpose="book", subject=subject,
                                               status=log.head + 1, reason="refused"))
        log.commit()
        if rng.random() < 0.5:
            log.flush()
        if rng.random() < 0.2:
            log.sync()
        say("durable", log.durable)

for line in sys.stdin:
    child = os.fork()
    if not child:
        write(Path(sys.argv[1]), int(line))
    say("pid", child)
    os.waitpid(child, 0)
    say("dead")
"""


@contextmanager
def writers(path: Path) -> Generator["subprocess.Popen[str]"]:
    """A process that forks a writer for each seed that it is told."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()


def killed(process: "subprocess.Popen[str]", seed: int, lines: int) -> int:
    """Let a writer write *lines* lines, kill it, and say which position it acknowledged last."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{seed}\n")
    said: dict[str, int] = {}
    for heard, line in enumerate(process.stdout, 1):
        word, _, number = line.partition(" ")
        if word == "dead\n":
            break
        said[word] = int(number)
        if "pid" in said and heard >= lines:
            os.kill(said["pid"], signal.SIGKILL)
            lines = sys.maxsize
    return said.get("durable", said.get("head", 0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forks")
def test_a_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    chance = random.Random(1)
    head = 0
    with writers(path) as process:
        for seed in range(KILLS):
            acknowledged = killed(process, seed, chance.randint(1, 60))
            if not path.exists() or not path.stat().st_size:
                assert acknowledged == 0
                continue
            with read_log(path) as reader:
                before, head = head, reader.head
                assert head >= max(acknowledged, before)
                for record in reader.read(before):
                    assert isinstance(record.event, RequestFailed)
                    assert record.event.status == record.position
                last = [record.event for record in reader.read(head - 1)]
                assert not last or getattr(last[0], "subject", "").startswith("0 more"), seed
    with read_log(path) as reader:
        assert reader.verify() == head
        assert reader.digest() == digest_of(reader.events())
    assert head > 20 * KILLS
