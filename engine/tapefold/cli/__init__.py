"""The command line.

failures.py   what an error is to the one who typed the command: a line, and an exit code
options.py    what the commands share of click
terminal.py   writing: to a terminal, to a pipe, and progress
when.py       moments, spans and speeds, as people write and read them
tables.py     tables and ladders, apart from where they are shown
facts.py      what a session or a log is, as data
accounts.py   orders and money, as data; account_tables.py: as tables
records.py    a log's records as lines and as JSON; what they say is in sentences.py, money.py, known.py
history.py    orders, fills and balances that were: what the three commands share; sums.py: as tables
exported.py   rows as CSV and as JSON
paths.py      which is a session, which a log
play.py       playing a session at a pace, up to a point, into a log
replay.py, record.py, mock.py, sim.py, imports.py, show.py, why.py, verify.py, session.py   a command each
orders.py, fills.py, balances.py   a command each, by history.py
conformance.py   `tapefold conformance`: an adapter's checks as a table
session_score.py   `tapefold session score`
diff.py, when_true.py   a command each: `tapefold diff` and `tapefold when`
scenario.py   `tapefold scenario`: scenario_chosen.py which ones, scenario_modes.py in which ways,
              scenario_live.py on a test network and live, scenario_crew.py by how many processes,
              scenario_run.py all of a run, scenario_ended.py by a signal; scenario_recorded.py and
              scenario_swap.py for `--record`; how it is told: scenario_told.py, scenario_table.py,
              scenario_junit.py

A command is imported when it is called: `tapefold --version` needs none of them.
"""

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import click

from tapefold.cli.failures import Failure, failure, usage
from tapefold.cli.options import examples
from tapefold.cli.terminal import complain, finish, forgive
from tapefold.errors import Refused

COMMANDS: Final[Mapping[str, str]] = {
    "replay": "tapefold.cli.replay",
    "record": "tapefold.cli.record",
    "mock": "tapefold.cli.mock",
    "sim": "tapefold.cli.sim",
    "scenario": "tapefold.cli.scenario",
    "import": "tapefold.cli.imports",
    "show": "tapefold.cli.show",
    "why": "tapefold.cli.why",
    "orders": "tapefold.cli.orders",
    "fills": "tapefold.cli.fills",
    "balances": "tapefold.cli.balances",
    "diff": "tapefold.cli.diff",
    "when": "tapefold.cli.when_true",
    "verify": "tapefold.cli.verify",
    "session": "tapefold.cli.session",
    "conformance": "tapefold.cli.conformance",
}
"""Where each command is; they are listed in this order."""


class Tapefold(click.Group):
    """The commands by their modules, and every way to fail made one line and an exit code."""

    traceback = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and exit with what the run came to."""
        self.traceback = False
        forgive()
        try:
            code = super().main(args, prog_name or "tapefold", complete_var, False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:  # `tapefold` alone asks for help
            click.echo(error.format_message())
            code = 0
        except click.ClickException as error:
            code = self._fail(usage(error))
        except click.Abort:
            code = self._fail(failure(KeyboardInterrupt()))
        try:
            finish()  # what `--help` has written; after a failure, so that nothing is left to write
        except (Refused, BrokenPipeError) as error:
            code = code or self._fail(failure(error))
        sys.exit(code or 0)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """As click does; `--help` writes here."""
        with self._guard():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command to its last written byte."""
        self.traceback = ctx.params["traceback"]
        with self._guard():
            try:
                return super().invoke(ctx)
            finally:
                finish()

    @contextmanager
    def _guard(self) -> Generator[None]:
        """Nobody gets a traceback who did not ask for it."""
        try:
            yield
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:
            raise click.exceptions.Exit(self._fail(failure(error))) from error

    def _fail(self, told: Failure) -> int:
        if self.traceback:
            import traceback

            traceback.print_exc()
        complain(told.message)
        return told.code


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        from tapefold.core import NATIVE

        runs = "compiled core" if NATIVE else "pure Python"
        click.echo(f"tapefold {version('tapefold')} ({runs})")
        ctx.exit()


@click.group(
    cls=Tapefold,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("tapefold replay", "tapefold show SESSION --book ETH-USDT"),
)
@click.option("--traceback", is_flag=True, help="Show where an error comes from.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version.",
)
def main(traceback: bool) -> None:
    """Replay recorded exchange sessions, look into them, and prove them.

    A session is a folder: what the wire said. A log is a file: what it meant.

    Exit codes: 0 done, 1 not what was recorded, 2 wrong usage, 3 unreadable input,
    4 something stands in the way, 70 a fault of tapefold, 130 Ctrl-C.
    """
