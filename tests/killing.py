"""Killing children: a process forks one for each seed that it is told, and each says what it has done."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

SAY = """
import os, sys

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole, or not at all

def fork_for_each(run):
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(int(line))
        say("pid", child)
        os.waitpid(child, 0)
        say("dead")
"""
"""What a script begins with: it ends with `fork_for_each(what a child does with its seed)`."""


@contextmanager
def children(script: str, *arguments: str) -> Generator["subprocess.Popen[str]"]:
    """A process that runs such a script."""
    command = [sys.executable, "-c", SAY + script, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()


def killed(process: "subprocess.Popen[str]", seed: int, lines: int) -> dict[str, int]:
    """Let a child say *lines* lines, kill it with 9, and give the last number that it said by each word."""
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
    return said
