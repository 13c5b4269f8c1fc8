# Every task of the project. `just` lists them; in a checkout set up with pip: `.venv/bin/just`.

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")

_default:
    @just --list --unsorted

# Set up the environment, with all tools
setup:
    python3 -m venv .venv
    .venv/bin/pip install -e '.[dev]'

# Run the tests, with any pytest options
test *options:
    pytest {{options}}

# Check format, lints and types
check:
    ruff format --check
    ruff check
    mypy
    pyright

# Put the format right, and what lints can put right by themselves
fix:
    ruff format
    ruff check --fix

# Replay a session; the bundled one without a name
replay *arguments:
    tapefold replay {{arguments}}

# Build the compiled core anew, after a change of _core.pyx
build:
    pip install -e .

# Count the work of the hot paths, and compare it with its bounds; --renew sets new ones
speed *options:
    .ci/speed {{options}}

# All that the project is held to, as it is held to it
ci:
    .ci/run
