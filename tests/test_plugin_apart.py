"""The page about pytest, in a project of somebody else's: the wheel is installed, and every example run.

The examples use the doors that they tell of: sockets of loopback, and virtual time. Packages that tapefold
needs are borrowed from the environment of these tests, so that nothing is fetched; tapefold is not.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from captures import ROOT

EXAMPLE = re.compile(r"`([\w/]+\.\w+)`:\n```\w+\n(.*?)```", re.DOTALL)
"""A file's name, and what is in it."""
TESTS = [
    "scenarios/test_a_bid_rests.toml::binance-simulator",
    "tests/test_bot.py::test_the_bot_asks_once",
    "tests/test_bot.py::test_the_market_has_two_sides",
    "tests/test_gap.py::test_the_gap_is_noticed",
    "tests/test_order.py::test_an_order_is_filled",
    "tests/test_session.py::test_a_recording_still_replays",
    "tests/test_session.py::test_in_virtual_time",
]


class Project(NamedTuple):
    """A folder with tests in it, and a Python of its own."""

    folder: Path
    python: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Python, in the folder."""
        ours = ("PYTHONPATH", "MOCK_API_ENABLED", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
        env = {name: value for name, value in os.environ.items() if name not in ours}
        command: list[str | Path] = [self.python, *words]
        return subprocess.run(
            command, cwd=self.folder, env=env, text=True, capture_output=True, check=False
        )

    def test(self, *words: str) -> tuple[list[str], str]:
        """Run pytest: which tests passed, and all it said."""
        done = self.run("-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider", *words)
        return sorted(re.findall(r"^(\S+) PASSED", done.stdout, re.MULTILINE)), done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All examples of the page, as files."""
    folder = tmp_path_factory.mktemp("apart")
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        folder / "dist",
    ]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").iterdir()
    home = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install"]
    pip += ["--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    made = Project(folder / "project", python)
    for name, text in EXAMPLE.findall((ROOT / "docs" / "pytest.md").read_text()):
        path = made.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made


def test_tapefold_is_the_wheel_s(project: Project) -> None:
    done = project.run(
        "-c", "import tapefold, tapefold_adapters, tapefold_pytest as p; print(*p.__path__)"
    )
    assert done.stdout.startswith(str(project.python.parents[1])), done.stderr
    done = project.run("-c", "import tapefold; print(*tapefold.__path__, tapefold.bundled())")
    assert done.stdout.count(str(project.python.parents[1])) == 2


def test_every_example_of_the_page_passes_as_it_is_printed(project: Project) -> None:
    passed, said = project.test()
    assert passed == TESTS, said
    assert f"{len(TESTS)} passed" in said.splitlines()[-1]


def test_who_has_no_pytest_trio_has_the_rest(project: Project) -> None:
    (project.folder / "plain.ini").write_text("[pytest]\n")
    passed, said = project.test(
        "-p", "no:trio", "-c", "plain.ini", "tests/test_bot.py", "scenarios"
    )
    assert passed == TESTS[:3], said


def test_a_recording_of_their_own_is_found_by_its_name(project: Project) -> None:
    """And a story of it by a scenario, at a place that the ini file names."""
    bundled = ROOT / "cassettes" / "binance" / "minute-with-a-gap"
    shutil.copytree(bundled, project.folder / "tapes" / "binance" / "monday")
    (project.folder / "test_mine.py").write_text(
        "def test_mine(session):\n"
        "    assert session('binance/monday').folder.parts[-3:] == ('tapes', 'binance', 'monday')\n"
    )
    passed, said = project.test("-o", "tapefold_cassettes=tapes", "test_mine.py")
    assert passed == ["test_mine.py::test_mine"], said
    (project.folder / "test_mine.py").unlink()


def test_a_failure_is_told_in_the_words_of_the_page(project: Project) -> None:
    path = project.folder / "scenarios" / "test_a_bid_rests.toml"
    good = path.read_text()
    path.write_text(good.replace("balances.USDT = 1000", "balances.USDT = 999"))
    passed, said = project.test("scenarios")
    path.write_text(good)
    assert not passed
    line = 1 + good[: good.index("balances.USDT = 1000")].count("\n")
    where = rf"  {re.escape(str(path))}:{line}: then\.balances\.USDT\n"
    assert re.search(rf"{where}    expected .*\b999\n    actual .*\b1000\n", said), said
    assert "Traceback" not in said
