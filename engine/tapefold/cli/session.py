"""`tapefold session`: what is done to a session's folder itself."""

from pathlib import Path

import click

from tapefold.cli.options import examples
from tapefold.cli.paths import open_session
from tapefold.cli.session_score import command as scored
from tapefold.cli.terminal import say
from tapefold.session.repair import repair as repaired


@click.group(
    "session",
    short_help="Repair a session, make another one of it, or see how strong a test it is.",
    epilog=examples(
        "tapefold session repair SESSION",
        "tapefold session overlay SESSION busy.toml -o busy",
        "tapefold session score SESSION",
    ),
)
def command() -> None:
    """Work on the folder of a session."""


@command.command(
    "repair",
    short_help="Cut off what a kill left half written.",
    epilog=examples(
        "tapefold session repair recordings/btc",
        "tapefold session repair --unseal recordings/half-copied",
    ),
)
@click.argument("path", metavar="SESSION", type=click.Path(path_type=Path))
@click.option(
    "--unseal",
    is_flag=True,
    help="Also where the session was sealed and is not all there: its digests, which speak of the "
    "whole, are dropped.",
)
def repair(path: Path, unseal: bool) -> None:
    """Rewrite a SESSION without the torn ends that a kill or a power cut left.

    tapefold plays a torn session as it is; this is for other tools, such as plain vcrpy. A sound
    session is left alone. A sealed one that lacks something is refused.
    """
    open_session(path)
    dropped = repaired(path, unseal=unseal)
    if not dropped:
        say(f"{path} is sound: there is nothing to repair")
        return
    say(f"repaired {path}, and dropped", *(f"  {what}" for what in dropped))


@command.command(
    "overlay",
    short_help="Make another session of one: what if the exchange had said this?",
    epilog=examples("tapefold session overlay recordings/btc busy.toml -o recordings/btc-busy"),
)
@click.argument("path", metavar="SESSION", type=click.Path(path_type=Path))
@click.argument("edits", metavar="EDITS", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="NEW",
    required=True,
    type=click.Path(path_type=Path),
    help="The new session's folder.",
)
def overlaid(path: Path, edits: Path, folder: Path) -> None:
    """Make a NEW session of a SESSION and a file of EDITS; the SESSION stays as it is.

    docs/overlays.md says what edits there are. The new session has no digest to reach.
    """
    from tapefold.overlay import overlay, read_edits

    made = overlay(open_session(path), read_edits(edits), folder)
    lines = sum(1 for _ in made.lines())
    say(f"{made.folder}: {lines:,} lines", f"play it with `tapefold replay --door mock {folder}`")


command.add_command(scored)
