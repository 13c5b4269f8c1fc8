"""kill -9 while a log is written: what was acknowledged is there, and nothing is half there.

Needs no door: a process appends to one log, is killed at a random moment a hundred times, and begins
again where the log ends. The process is a fork of one that has imported everything already.
"""

import os
import random
from pathlib import Path

import pytest
from builders import digest_of
from killing import children, killed

from tapefold.events import RequestFailed
from tapefold.log import read_log

KILLS = 100
STEP_MAX = 400
WRITER = """
import os, random, sys
from pathlib import Path
from tapefold.events import RequestFailed
from tapefold.log import open_log

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

fork_for_each(lambda seed: write(Path(sys.argv[1]), seed))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forks")
def test_a_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    chance = random.Random(1)
    head = 0
    with children(WRITER, str(path)) as process:
        for seed in range(KILLS):
            said = killed(process, seed, chance.randint(1, 60))
            acknowledged = said.get("durable", said.get("head", 0))
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
