"""The pages about tests and trading say all that there is.

They are compared with data; scores use the replay door.
"""

import os
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import tiny
from captures import ROOT

from tapefold import Doubt, Live, Session, SessionError, load_adapter
from tapefold.adapter import Rate
from tapefold.log import open_log
from tapefold.scenario import Place, Scenario
from tapefold.testing.conformance.order_faults import KINDS
from tapefold.testing.conformance.registry import CHECKS
from tapefold.testing.mutation import Score, by_digests, by_scenario, mutation_score
from tapefold.units import SECOND

STORY = 'title = "A story"\nthen.facts = [{event = "OrderAccepted"}]\n'


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_the_page_has_every_check_that_the_command_runs() -> None:
    rows = [line for line in page("conformance.md").splitlines() if line.startswith("| `")]
    for check in CHECKS:
        assert f"| `{check.name}` | {check.sentence} |" in rows, check.name
    assert f"{len(CHECKS)} checks" in page("conformance.md")
    assert f"in {len(KINDS)} kinds" in page("conformance.md")


def test_the_page_has_every_doubt() -> None:
    for doubt in filter(None, get_args(Doubt)):
        assert f"\n| `{doubt}` | " in page("trade.md"), doubt


def test_the_page_has_all_of_a_score() -> None:
    for name in (*Score.__struct_fields__, "ratio"):
        assert f"`{name}`" in page("mutation-score.md"), name


def test_a_story_is_scored_as_the_page_shows(tmp_path: Path) -> None:
    [example] = re.findall(r"```py\n(.*?)```", page("mutation-score.md"), re.DOTALL)
    space: dict[str, Any] = {}
    exec(compile(example, "mutation-score.md", "exec"), space)
    story, made = tmp_path / "story.toml", tiny.session(tmp_path)
    story.write_text('title = "There is a trade"\nthen.facts = [{event = "Trade"}]\n')
    assert space["story_alone"](str(story), str(made.folder)) == "0.1133"


async def test_a_log_that_another_engine_has_ends_a_program_as_the_page_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = re.findall(r"```python\n(.*?)```", page("embed.md"), re.DOTALL)[1]
    space: dict[str, Any] = {}
    exec(compile(example, "embed.md", "exec"), space)
    with open_log(tmp_path / "log"):
        assert await space["only_one"](Live(("binance",)), tmp_path / "log") == 4
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / 'log'} is open in another engine (process {os.getpid()}):")


def test_orders_are_refused_past_the_rate_that_the_page_names() -> None:
    assert load_adapter("binance").description.limits.windows["orders_10s"] == Rate(50, 10 * SECOND)
    assert "within ten seconds on Binance, which takes 50." in page("trade.md")


def test_a_score_is_made_of_paths_as_well(tmp_path: Path) -> None:
    made = tiny.session(tmp_path)
    score = mutation_score(made, times=30)
    assert mutation_score(made.folder, times=30) == score
    assert mutation_score(str(made.folder), times=30) == score
    assert not by_digests(str(made.folder))(made)
    with pytest.raises(SessionError, match=r"nowhere"):
        mutation_score(tmp_path / "nowhere")


def test_a_scenario_is_judged_by_its_path_as_well(tmp_path: Path) -> None:
    story, made = tmp_path / "story.toml", tiny.session(tmp_path)
    story.write_text(STORY)
    assert by_scenario(story, "binance", [made.folder])(made)
    assert by_scenario(str(story), "binance")(made)


def test_what_is_neither_is_told_in_a_line(tmp_path: Path) -> None:
    made = tiny.session(tmp_path)
    with pytest.raises(TypeError, match=r"^a session is a Session or its folder, not 7$"):
        mutation_score(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"^a place is what read_scenario\(PATH\) gives, or a path"):
        by_scenario(made, "binance")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"^sessions are a list: \[one\], not "):
        by_scenario(
            Place(tmp_path, Scenario(title="A story")), "binance", "one"
        )  # a text is a sequence of texts
    with pytest.raises(TypeError, match=r"^notices is a function of a session, as by_digests"):
        mutation_score(made, tmp_path)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert isinstance(made, Session)
