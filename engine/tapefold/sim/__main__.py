"""`python -m tapefold.sim FOLDER [--seed N]`: make a session of the bundled story."""

import sys
from importlib.metadata import version
from pathlib import Path

import click

from tapefold.errors import TapefoldError
from tapefold.sim import MINUTE, SEED, record


@click.command
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=SEED, show_default=True)
def main(folder: Path, seed: int) -> None:
    """Make FOLDER a session of a simulated exchange: a minute of three markets, one gap."""
    try:
        session = record(folder, MINUTE, seed, versions={"tapefold": version("tapefold")})
    except (TapefoldError, OSError) as error:
        click.echo(f"tapefold.sim: {error}", err=True)
        sys.exit(error.exit_code if isinstance(error, TapefoldError) else 4)
    counts = session.meta.counts
    click.echo(f"{folder}: {counts.frames} frames, {counts.events} events, source simulator")


if __name__ == "__main__":
    main(prog_name="python -m tapefold.sim")
