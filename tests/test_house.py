"""The house rules that no linter knows. No door: nothing is run, the source is read."""

import ast
import re
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from captures import ROOT

import tapefold

ENGINE = ROOT / "engine" / "tapefold"
ADAPTERS = ROOT / "adapters" / "tapefold_adapters"
LINES_MAX = 330
FUNCTION_MAX = 45
# Data flows down this list, and imports point up it. ARCHITECTURE.md tells what each room is for.
ROOMS = [
    "units",
    "errors",
    "home",
    "core",
    "events",
    "log",
    "folds",
    "views",
    "history",
    "adapter",
    "strategy",
    "kernel",
    "guard",
    "session",
    "overlay",
    "replay",
    "fingerprint",
    "report",
    "verify",
    "inquiry",
    "imports",
    "wire",
    "record",
    "peer",
    "stub",
    "mock",
    "engine",
    "sim",
    "scenario",
    "testing",
    "plugin",
    "cli",
]
# What reads a clock, draws chance, or asks the machine: not in what must be deterministic.
IMPURE = {
    "time",
    "datetime",
    "random",
    "secrets",
    "uuid",
    "os",
    "socket",
    "threading",
    "trio",
    "httpx",
}
PURE = ["units", "events", "folds", "views", "strategy", "kernel", "guard", "overlay"]


def modules(room: str) -> list[Path]:
    return [*ENGINE.glob(f"{room}.py"), *ENGINE.glob(f"{room}/**/*.py")]


def imports(path: Path) -> set[str]:
    """All that a module imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_rooms_before_it(room: str) -> None:
    allowed = {*ROOMS[: ROOMS.index(room) + 1]}
    for path in modules(room):
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("tapefold.")}
        if room == "core":
            rooms.discard("_core")  # its twin, compiled: which of the two runs is chosen here alone
        assert rooms <= allowed, path


def test_every_room_is_on_the_list_and_on_the_map() -> None:
    rooms = {path.stem for path in ENGINE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__main__", "__pycache__", "py", "cassettes"} == {*ROOMS}
    mapped = re.findall(r"^\| `([a-z_]+)`", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    assert mapped == ROOMS


@pytest.mark.parametrize("room", PURE)
def test_what_must_be_deterministic_asks_the_machine_nothing(room: str) -> None:
    for path in modules(room):
        assert not {name.split(".")[0] for name in imports(path)} & IMPURE, path


def test_an_adapter_imports_only_the_public_face() -> None:
    """And its own modules; a simulated exchange's skin the simulator's face besides."""
    for path in ADAPTERS.rglob("*.py"):
        inward = {name for name in imports(path) if name.partition(".")[0] == "tapefold"}
        if "sim" in path.parts or path.stem == "sim":
            assert inward <= {"tapefold", "tapefold.sim"}, path
        else:
            assert inward <= {"tapefold"}, path
            assert not {name.split(".")[0] for name in imports(path)} & IMPURE, path


def test_the_engine_knows_no_adapter_by_name() -> None:
    for path in ENGINE.glob("**/*.py"):
        assert not any(name.startswith("tapefold_adapters") for name in imports(path)), path


def test_a_source_root_holds_its_packages_and_nothing_else() -> None:
    """What pytest loads of us stands beside the engine, since importing that is not free."""
    roots = {"engine": ["tapefold", "tapefold_pytest"], "adapters": ["tapefold_adapters"]}
    for root, packages in roots.items():
        assert sorted(path.name for path in (ROOT / root).iterdir()) == packages


def test_the_face_shows_what_it_says() -> None:
    shown = {
        name
        for name, value in vars(tapefold).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert shown == {*tapefold.__all__}


def test_everything_on_the_face_says_what_it_is() -> None:
    for name in tapefold.__all__:
        value = getattr(tapefold, name)
        if isinstance(value, type | FunctionType):
            assert value.__doc__, name


@pytest.mark.parametrize(
    "path", [*ENGINE.rglob("*.py"), *ADAPTERS.rglob("*.py")], ids=lambda p: p.stem
)
def test_a_module_is_a_room_and_not_a_hall(path: Path) -> None:
    text = path.read_text()
    face = path == ENGINE / "__init__.py"  # two lists of names, and no code
    assert len(text.splitlines()) <= LINES_MAX or face
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_MAX, node.name


def test_the_readme_and_ci_run_the_same_two_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    for command in (
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/tapefold replay",
        ".venv/bin/pytest",
    ):
        assert command in (ROOT / "README.md").read_text()
        assert command.replace("install -e", "install -q -e") in ci or command in ci


def test_nothing_names_a_machine_or_a_registry() -> None:
    banned = re.compile("/" + "work/|/" + "root/|/" + "tmp/[a-z]|py" + "pi\\.org|npm" + "js\\.com")
    for folder in ("engine", "adapters", "docs", "tests", "cassettes", "scenarios", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".md", ".toml", ".jsonl", "") and path.is_file():
                assert not banned.search(path.read_text(errors="replace")), path


def test_no_package_shows_a_name_that_one_of_its_modules_has() -> None:
    """Importing the module would put it in the name's place, sooner or later."""
    for init in ENGINE.glob("**/__init__.py"):
        modules_of = {path.stem for path in init.parent.iterdir()} - {"__init__"}
        shown = {
            alias.asname or alias.name
            for node in ast.walk(ast.parse(init.read_text()))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert not shown & modules_of, init
