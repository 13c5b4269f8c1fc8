"""The normal install builds the compiled core, and where it cannot, it succeeds and says so.

No door: `hatchling` builds what pip would have it build, in a copy of the project that a source
distribution makes, and what comes of it is run as a process.
"""

import errno
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from shutil import copytree, which
from sysconfig import get_config_var, get_path
from typing import Any
from zipfile import ZipFile

import pytest
from captures import ROOT

from tapefold import Session, bundled, core

COMPILER = os.environ.get("CC") or str(get_config_var("CC"))
needs_compiler = pytest.mark.skipif(
    not (which(COMPILER.split()[0]) and Path(get_path("include"), "Python.h").exists()),
    reason="no C compiler, or no headers of Python",
)
BUILT = f"_core{get_config_var('EXT_SUFFIX')}"
SAYS_SO = "no compiled core, so tapefold runs in pure Python: "


def hatchling(kind: str, project: Path, into: Path, **more: str) -> tuple[Path, str]:
    """Build an "sdist" or a "wheel": where it is, and what was said."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    done = subprocess.run(
        command, cwd=project, env=os.environ | more, capture_output=True, text=True, check=True
    )
    return next(into.iterdir()), done.stderr


def tapefold(*words: str, at: Path | None = None, **more: str) -> str:
    """What the command line says, of the package in *at*; with what Python warns of."""
    environment = os.environ | more | ({"PYTHONPATH": str(at)} if at else {})
    command = [sys.executable, "-m", "tapefold", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as its source distribution has it."""
    folder = tmp_path_factory.mktemp("sdist")
    made, _ = hatchling("sdist", ROOT, folder / "made")
    with tarfile.open(made) as tar:
        tar.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.name.startswith("tapefold-"))


@pytest.fixture
def project(unpacked: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return copytree(unpacked, tmp_path / "project")


def unzipped(wheel: Path, into: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        archive.extractall(into)
        return archive.namelist()


def test_a_source_distribution_has_what_the_core_is_built_from(unpacked: Path) -> None:
    assert (unpacked / "hatch_build.py").exists()
    assert (unpacked / "engine" / "tapefold" / "_core.pyx").exists()
    assert not [*unpacked.rglob("*.so")]


@needs_compiler
def test_a_wheel_has_the_core_and_is_for_this_machine(unpacked: Path, tmp_path: Path) -> None:
    wheel, said = hatchling("wheel", unpacked, tmp_path / "made")
    assert SAYS_SO not in said
    assert not wheel.name.endswith("none-any.whl")
    names = unzipped(wheel, tmp_path / "there")
    assert f"tapefold/{BUILT}" in names
    assert not [name for name in names if name.endswith((".pyx", ".c"))]
    assert "(compiled core)" in tapefold("--version", at=tmp_path / "there")
    assert not [*unpacked.rglob("*.so")]  # a wheel leaves nothing behind in the source


def no_compiler(_: Path) -> dict[str, str]:
    return {"CC": "false"}


def no_cython(project: Path) -> dict[str, str]:
    (project / "shadow").mkdir()
    (project / "shadow" / "Cython.py").write_text("raise ImportError('no Cython')\n")
    return {"PYTHONPATH": str(project / "shadow")}


def no_source(project: Path) -> dict[str, str]:
    with (project / "engine" / "tapefold" / "_core.pyx").open("a") as source:
        source.write("\nthis is no Cython\n")
    return {}


@pytest.mark.parametrize("lack", [no_compiler, no_cython, no_source])
def test_without_what_it_takes_there_is_a_wheel_all_the_same(
    lack: Callable[[Path], dict[str, str]], project: Path, tmp_path: Path
) -> None:
    """For every machine, in pure Python; it says why, and replays to the same digest."""
    wheel, said = hatchling("wheel", project, tmp_path / "made", **lack(project))
    assert wheel.name.endswith("-py3-none-any.whl")
    why = [line for line in said.splitlines() if line.startswith(SAYS_SO)]
    assert len(why) == 1
    assert len(why[0]) < 260
    there = tmp_path / "there"
    assert not [name for name in unzipped(wheel, there) if "_core." in name and ".pyi" not in name]
    assert "(pure Python)" in tapefold("--version", at=there)
    replayed = json.loads(tapefold("replay", "--json", at=there))
    assert replayed["reached"] is True
    assert Session(bundled()).meta.digests.log in json.dumps(replayed)


# An editable install has the core beside its source


def editable(project: Path) -> dict[str, Any]:
    """What `pip install -e` has the hook do."""
    spec = spec_from_file_location("hatch_build", project / "hatch_build.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    data: dict[str, Any] = {"force_include": {}, "pure_python": True, "infer_tag": False}
    hook = module.CompiledCore(str(project), {}, None, None, str(project / "dist"), "wheel")
    hook.initialize("editable", data)
    hook.finalize("editable", data, "")
    return data


@needs_compiler
def test_a_core_that_is_not_of_its_source_is_not_taken(project: Path) -> None:
    engine = project / "engine"
    assert editable(project) == {"force_include": {}, "pure_python": True, "infer_tag": False}
    assert [path.name for path in project.rglob("*.so")] == [BUILT]
    assert tapefold("--version", at=engine).endswith("(compiled core)\n")
    with (engine / "tapefold" / "_core.pyx").open("a") as source:
        source.write("# another one\n")
    said = tapefold("--version", at=engine)
    assert "(pure Python)\n" in said
    assert "RuntimeWarning: the compiled core was built from another _core.pyx" in said


@pytest.mark.parametrize("lack", [no_compiler, no_source])
def test_a_build_that_fails_leaves_no_older_core(
    lack: Callable[[Path], dict[str, str]], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = project / "engine" / "tapefold" / BUILT
    older.write_bytes(b"of another day")
    for name, value in lack(project).items():
        monkeypatch.setenv(name, value)
    editable(project)
    assert not older.exists()
    assert "(pure Python)" in tapefold("--version", at=project / "engine")


@needs_compiler
def test_a_core_that_cannot_be_put_in_its_place_is_not_there_by_half(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would die of half a module without a word."""

    def full(_: Path, to: Path) -> None:
        to.write_bytes(b"\x7fELF")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copy", full)
    editable(project)
    assert [path.name for path in project.rglob("_core*")] == ["_core.pyx"]
    assert "(pure Python)" in tapefold("--version", at=project / "engine")


# Which of the two runs


@needs_compiler
@pytest.mark.skipif(bool(os.environ.get("TAPEFOLD_PURE")), reason="TAPEFOLD_PURE is set")
def test_the_compiled_core_runs_in_this_environment() -> None:
    assert core.NATIVE, "pip install -e '.[dev]' builds it"


def test_the_version_says_which_runs() -> None:
    runs = "compiled core" if core.NATIVE else "pure Python"
    assert tapefold("--version").endswith(f" ({runs})\n")
    assert tapefold("--version", TAPEFOLD_PURE="1").endswith(" (pure Python)\n")


def test_a_session_is_the_same_to_the_byte_whichever_made_it(tmp_path: Path) -> None:
    """Its versions, digests and everything else: nothing on disk tells which ran."""
    stamp = 1_700_000_000_000_000_000
    lines = [
        '{"stream":"ab@depth@100ms","data":{"E":1,"s":"AB","U":1,"u":2,"b":[["1.5","2"]],"a":[]}}',
        '{"lastUpdateId":2,"bids":[["1.5","2"]],"asks":[["1.75","1"]]}',
        '{"stream":"ab@trade","data":{"E":2,"T":2,"s":"AB","t":7,"p":"1.5","q":"1","m":true}}',
    ]
    capture = tmp_path / "capture"
    capture.write_text("".join(f"{stamp + n} {line}\n" for n, line in enumerate(lines)))
    made: list[dict[str, bytes]] = []
    for pure in ("", "1"):
        folder = tmp_path / f"session{pure}"
        words = ("import", "hftbacktest", str(capture), "-o", str(folder), "--exchange", "binance")
        tapefold(*words, TAPEFOLD_PURE=pure)
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0]
    assert made[0] == made[1]
