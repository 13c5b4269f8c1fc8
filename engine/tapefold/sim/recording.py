"""Recording a story: the kernel against an exchange that exists only here, written as a session."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tapefold.adapter import Command, Subscribe, WatchAccount, WatchClock, load_adapter
from tapefold.kernel import started
from tapefold.replay import run_of, seal
from tapefold.session import Meta, Session, SessionWriter, new_session
from tapefold.sim.exchange import Skin, load_skin
from tapefold.sim.stage import Stage
from tapefold.sim.story import Story
from tapefold.strategy import Strategy
from tapefold.units import Nanos


def record(  # noqa: PLR0913 - each is a word of its own, and all but three have defaults
    folder: Path,
    story: Story,
    seed: int,
    *,
    versions: Mapping[str, str],
    skin: Skin | None = None,
    commands: Sequence[tuple[Nanos, Command]] = (),
    strategies: Sequence[Strategy] = (),
) -> Session:
    """Make *folder* the session of a story; it appears whole or not at all.

    Where the story has accounts, the first of them is watched, and *commands* are given, each so long
    after the start; *strategies* are at work from the start. All of it the same makes the same bytes.
    Without a *skin* it is the installed one. Raises `SessionError` where the folder is there already, and
    `AdapterError`.
    """
    exchange = (skin or load_skin(story.exchange))(story, seed)
    meta = Meta(
        exchanges=[story.exchange],
        instruments=[spec.symbol for spec in story.specs],
        source="simulator",
        started_ns=story.started_ns,
        run_id=f"sim-{seed}",
        seed=seed,
        versions=dict(versions),
        strategies=dict(started(strategies)),
    )
    keys = keys_of(story)
    stage = Stage(exchange, load_adapter(story.exchange), story.started_ns, seed, keys=keys)
    stage.ends = story.started_ns + story.lasts
    with new_session(folder) as work:
        writer = SessionWriter(work, meta)
        try:
            stage.start(run_of(meta), writer, strategies)
            _play(stage, story, commands)
            seal(writer, stage.log.digest())
        finally:
            writer.close()
    return Session(folder)


def _play(stage: Stage, story: Story, commands: Sequence[tuple[Nanos, Command]]) -> None:
    """All of it."""
    stage.command(WatchClock(story.exchange))
    stage.command(Subscribe(story.exchange, tuple(spec.symbol for spec in story.specs)))
    if story.accounts:
        stage.command(WatchAccount(story.exchange))
    for after, command in commands:
        stage.at(story.started_ns + after, partial(stage.command, command))
    stage.play_out()


def keys_of(story: Story) -> dict[str, str]:
    """What the first account of a story signs with; nothing where no signature is checked."""
    holder = story.accounts[0] if story.accounts else None
    return {"key": holder.key, "secret": holder.secret} if holder and holder.key else {}
