"""Reports of small stores: the numbers, a page that needs no other file, the pictures, and one line for each fault."""

import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from control_bench.bench.digest import Digest, Moments
from control_bench.bench.document import Estimate, Marked, Table, Text, markdown, page
from control_bench.bench.episode import Episode, Run
from control_bench.bench.plot_style import looks_of, png
from control_bench.bench.plots import reward_curves
from control_bench.bench.report import display_names, summaries, write_report
from control_bench.bench.statistics import bootstrap_interval
from control_bench.bench.store import Store
from control_bench.errors import BadInput


def episode(index, actions, rewards, outcome="completed", **scores):
    steps = np.linspace(1.0, 2.0, len(rewards) + 1)
    pose = np.stack([steps, steps, steps], axis=1)
    arrays = np.asarray(rewards, dtype=float), np.asarray(actions)
    return Episode(index, index, outcome, scores, 0.5, *arrays, {"pose": pose, "sonar": np.zeros((len(steps), 3))})


def fill(path: Path, *runs: tuple[Run, list[Episode]]) -> Path:
    with Store(path) as store:
        for run, episodes in runs:
            store.add_run(run)
            for one in episodes:
                store.add_episode(run, one)
    return path


def drivebot(controller="furthest_sonar", **what) -> Run:
    return Run("drivebot", controller, seed=what.pop("seed", 7), task_settings={"map": "track"}, **what)


def rows_of(text: str, heading: str) -> dict[str, list[str]]:
    """The cells of the first table after a piece of text, by the first of their row; the header's as "header"."""
    lines = text[text.index(heading) :].splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return {"header": table[0]} | {row[0]: row[1:] for row in table[2:]}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A store of two runs of drivebot, and its report's folder."""
    folder = tmp_path_factory.mktemp("two")
    first = [episode(i, [0] * (i + 1) + [1], [1.0] * (i + 1) + [0.0], distance=float(i), laps=None) for i in range(5)]
    ends = ["stuck", "stuck", "stuck", "completed"]
    second = [episode(i, [0, 2, 2], [-1.0, 0.0, 0.0], outcome) for i, outcome in enumerate(ends)]
    learner = drivebot("q_table", learning=True, controller_settings={"lr": 0.1})
    store = fill(folder / "a.db", (drivebot(), first), (learner, second))
    assert write_report([store], folder / "out" / "report") == folder / "out" / "report" / "report.html"
    return store, folder / "out" / "report"


def test_the_summary_has_the_right_numbers(two):
    text = (two[1] / "report.md").read_text()
    rows = rows_of(text, "## drivebot")
    assert rows["header"][:5] == ["controller", "via", "seed", "episodes", "mean"]
    via, seed, episodes, mean, median, middle, outcomes = rows["furthest_sonar"]
    assert (via, seed, episodes, outcomes) == ("in-process", "7", "5", "completed 100 %")
    assert [float(cell.split()[0]) for cell in (mean, median, middle)] == [3.0, 3.0, 3.0]
    low, high = map(float, re.fullmatch(r"\S+ \[(\S+), (\S+)\]", mean).groups())
    np.testing.assert_allclose((low, high), bootstrap_interval([1, 2, 3, 4, 5], np.mean), atol=5e-4)
    assert rows["q_table (learning)"][-1] == "stuck 75 %, completed 25 %"
    assert rows["q_table (learning)"][3].startswith("−1")


def test_deciles_run_from_the_least_to_the_greatest(two):
    rows = rows_of((two[1] / "report.md").read_text(), "Deciles of the reward")
    assert rows["header"] == ["controller", *(f"{percent} %" for percent in range(0, 101, 10))]
    cells = [float(cell.split()[0]) for cell in rows["furthest_sonar"]]
    np.testing.assert_allclose(cells, np.percentile([1, 2, 3, 4, 5], np.arange(0, 101, 10)))


def test_the_frequency_table_is_the_articles_and_has_a_learners_stages(two):
    rows = rows_of((two[1] / "report.md").read_text(), "### Actions and their rewards")
    assert rows["header"] == ["controller", "F+1", "R0", "L0", "F−1"]
    assert rows["furthest_sonar"] == ["15", "0", "5", "0"]
    assert rows["q_table (learning)"] == ["0", "8", "0", "4"]
    assert rows["q_table (learning): first 2"] == rows["q_table (learning): last 2"] == ["0", "4", "0", "2"]


def test_scores_speed_seeds_and_settings_are_told(two):
    text = (two[1] / "report.md").read_text()
    scores = rows_of(text, "### Scores")
    assert scores["header"] == ["controller", "distance, m"]  # laps was never measured
    assert float(scores["furthest_sonar"][0].split()[0]) == 2.0 and scores["q_table (learning)"] == ["–"]
    made = rows_of(text, "### How the runs were made")
    assert made["furthest_sonar"][4:6] == ["5", "20"] and made["furthest_sonar"][-1] == "8"
    assert "The task, in all runs: map track." in text
    assert rows_of(text, "### Settings")["q_table (learning)"] == ["lr 0.1"]


def test_the_page_needs_no_other_file_and_the_pictures_lie_beside(two):
    page, text = ((two[1] / name).read_text() for name in ("report.html", "report.md"))
    sources = re.findall(r'src="([^"]{0,30})', page)
    assert len(sources) == 6 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "href=" not in page and "url(" not in page and "<script" not in page
    files = re.findall(r"\]\(([^)]+\.png)\)", text)
    assert [file.removesuffix(".png").split("-")[1] for file in files] == [
        "rewards", "comparison", "deciles", "outcomes", "actions", "paths",
    ]  # fmt: skip
    for file in files:
        with Image.open(two[1] / file) as picture:
            picture.load()
            assert picture.format == "PNG" and picture.width == 1500
    assert {path.name for path in two[1].iterdir()} == {"report.md", "report.html", *files}


def test_the_report_says_the_same_again(two, tmp_path):
    write_report([two[0]], tmp_path)
    for path in two[1].iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_summaries_are_those_of_the_runs(two):
    first, second = summaries([two[0]])
    assert (first["controller"], first["episodes"], first["mean_reward"], first["steps"]) == (
        "furthest_sonar", 5, 3.0, [2, 3, 4, 5, 6],
    )  # fmt: skip
    assert second["learning"] and second["outcomes"] == ["stuck", "stuck", "stuck", "completed"]


def test_a_run_of_two_stores_is_reported_once_and_runs_without_episodes_not_at_all(two, tmp_path):
    other = fill(tmp_path / "b.db", (drivebot("dqn"), [episode(0, [0], [1.0])]), (drivebot("late"), []))
    assert [one["controller"] for one in summaries([two[0], other, two[0]])] == ["furthest_sonar", "q_table", "dqn"]


def test_few_runs_alike_share_axes_and_others_get_a_panel_each():
    rng = np.random.default_rng(0)
    for lengths, panels in (([1], 1), ([20, 30, 40], 1), ([20, 200], 2), ([1, 2, 3, 20, 60], 5)):
        rewards = {f"${length}$": rng.normal(size=length) for length in lengths}
        figure = reward_curves(rewards, looks_of(rewards))
        assert len(figure.axes) == panels
        assert png(figure).startswith(b"\x89PNG")  # a dollar sign would else be read as a formula


def test_continuous_actions_real_rewards_and_tasks_of_ones_own_get_their_sections(tmp_path):
    rng = np.random.default_rng(0)
    steering = [episode(i, np.full((4, 2), (0.5, -0.25)), rng.normal(size=4)) for i in range(3)]
    choosing = [episode(i, [0, 1, 1, 0], [0.5, -0.5, 0.0, -3.25]) for i in range(3)]
    store = fill(
        tmp_path / "a.db", (Run("my.tasks:Reach", "naf", 0), steering), (Run("balance", "dqn", 0), choosing),
    )  # fmt: skip
    write_report([store], tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert text.index("## my.tasks:Reach") < text.index("## balance")
    components = rows_of(text, "### Actions\n")
    assert components["header"] == ["controller", "component", "mean", "standard deviation"]
    assert components["naf"] == ["action[1]", "−0.250", "0"]
    signs = rows_of(text, "### Actions and their rewards")
    assert dict(zip(signs["header"][1:], signs["dqn"], strict=True)) == {
        "none &lt;0": "3", "none >0": "3", "+x &lt;0": "3", "+x =0": "3",
    }  # fmt: skip
    assert (tmp_path / "my.tasks-Reach-action-components.png").is_file()


def test_names_are_short_and_no_two_are_the_same():
    runs = [
        Run("t", "dqn", 1), Run("t", "dqn", 2), Run("t", "dqn", 2), Run("t", "dqn", 2, label="best.pt"),
        Run("t", "dqn", 2, via="lockstep"), Run("t", "my.code:Mine", 2, via="realtime", learning=True),
        Run("t", "osc", 2, task_settings={"arm": "two_link", "dt": 0.01}),
        Run("t", "osc", 3, task_settings={"arm": "kuka", "dt": 0.01}),
        Run("t", "many", 3, task_settings={"a": 1, "b": 1, "c": 1}),
        Run("t", "many", 4, task_settings={"a": 2, "b": 2, "c": 2}),
    ]  # fmt: skip
    assert display_names(runs) == [
        "dqn, seed 1", "dqn, seed 2 #1", "dqn, seed 2 #2", "dqn best.pt", "dqn (over ROS, lockstep)",
        "Mine (learning, over ROS, realtime)", "osc, arm two_link", "osc, arm kuka", "many, seed 3", "many, seed 4",
    ]  # fmt: skip


def test_a_label_can_break_neither_the_page_nor_the_table():
    table = Table(["name", "n"], [[Marked("<b>|\n`x", "#123456"), 3]])
    html = page("<t>", [Text("a & b"), table])
    assert "<b>" not in html and "&lt;b&gt;| `x" in html and "a &amp; b" in html and "<title>&lt;t&gt;" in html
    assert markdown([table]).splitlines()[-1] == "| &lt;b>\\| \\`x |   3 |"


def test_numbers_of_a_column_are_rounded_alike():
    column = [[1.23456], [Estimate(-200.5, -300.25, 1.0)], [None], [-0.0001]]
    lines = markdown([Table(["x"], column)]).splitlines()[2:]
    assert [line.strip("| ") for line in lines] == ["1.2", "−200.5 [−300.2, 1.0]", "–", "0.0"]


def test_moments_are_those_of_numpy_whatever_the_lengths():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(length, 2)) for length in (3, 6, 2)]
    steps, episodes = Moments(), Moments()
    for part in parts:
        steps.add_one_each(part)
        episodes.add_place(part)
    edges, count, mean, spread = steps.binned(1)
    everything = np.concatenate(parts)
    np.testing.assert_allclose(mean[0], everything.mean(axis=0))
    np.testing.assert_allclose(spread[0], everything.std(axis=0))
    assert edges.tolist() == [0, 6] and count.tolist() == [11 / 6]
    np.testing.assert_allclose(episodes.binned(50)[2], [part.mean(axis=0) for part in parts])


def test_actions_and_scores_keep_their_names_where_the_runs_map_is_not_here():
    digest = Digest(Run("drivebot", "x", 0, task_settings={"map": "nowhere.yaml"}), "x", [episode(0, [0], [1.0])])
    assert digest.action_names[0] == "forward" and digest.measured("distance") == "distance, m"


def test_the_path_shown_is_of_the_median_episode():
    episodes = [episode(i, [0], [reward]) for i, reward in enumerate((9.0, 1.0, 5.0))]
    digest = Digest(drivebot(), "x", episodes)
    index, points = digest.typical_path()
    assert index == 2 and points.tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_faults_are_one_line(two, tmp_path):
    with pytest.raises(BadInput, match="there is no such store"):
        write_report([tmp_path / "none.db"], tmp_path / "out")
    empty = fill(tmp_path / "empty.db", (drivebot(), []))
    for use in (summaries, lambda stores: write_report(stores, tmp_path / "out")):
        with pytest.raises(BadInput, match=r"empty\.db: it holds no episode yet"):
            use([two[0], empty])
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadInput, match=r"can't be written .*--out$"):
            write_report([two[0]], out)
    assert (tmp_path / "file").read_text() == "mine"


def test_what_can_not_be_replaced_is_told(two, tmp_path, monkeypatch):
    (tmp_path / "report.md").mkdir()
    monkeypatch.setattr("control_bench.bench.report.figures", lambda *_: {})
    with pytest.raises(BadInput, match=r"report\.md: can't be written"):
        write_report([two[0]], tmp_path)


def test_a_damaged_store_is_told(tmp_path):
    store = fill(tmp_path / "a.db", (drivebot(), [episode(0, [0], [1.0])]))
    with sqlite3.connect(store) as database:
        database.execute("UPDATE episodes SET traces = ?", (b"PK\x03\x04 no zip",))
    with pytest.raises(BadInput, match=r"a\.db: the store is damaged"):
        summaries([store])
