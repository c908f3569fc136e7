"""The command line: what it prints, what it keeps, and that whatever is wrong is told in one line with status 2."""

import json
import os
import pickle
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from curve_files import curves
from PIL import Image

from control_bench.bench.store import Store
from control_bench.cli import main
from control_bench.controllers.base import Learner
from control_bench.learning.checkpoint import load, save
from control_bench.learning.trainer import Trainer
from control_bench.plan import make_plan, misfit
from control_bench.registry import CONTROLLERS, TASKS, controller_class

KEYS = {
    "task", "controller", "episodes", "seed", "mean_reward", "rewards", "steps", "outcomes", "scores", "seconds",
    "steps_per_second",
}  # fmt: skip
RULE = ("drivebot", "--controller", "furthest_sonar")
SHORT = ("--set", "max_steps=30", "--episodes", "2")
SMALL = ("--set", "rows=4", "--set", "max_steps=30", "--set", "evaluate_rows=2", "--set", "evaluate_every=100")
TABLE = ("drivebot", "--controller", "q_table", *SMALL)
NETWORK = (
    "drivebot", "--controller", "dqn", *SMALL, "--set", "hidden=[6]", "--set", "learn_start=40", "--set", "batch=8",
    "--set", "replay=300",
)  # fmt: skip


@pytest.fixture
def refused(cli):
    """The one line that a command is refused with, once it is sure to be one, with status 2 and nothing printed."""

    def call(*arguments):
        status, out, err = cli(*arguments)
        assert status == 2, (out, err)
        assert out == "" and "Traceback" not in err
        lines = err.strip().splitlines()
        if lines[0].startswith("usage:"):  # argparse prints the usage too
            lines = [line for line in lines if ": error: " in line]
        assert len(lines) == 1 and lines[0].startswith("control-bench")
        return lines[0]

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of a DQN's short training."""
    out = tmp_path_factory.mktemp("trained") / "dqn"
    assert main(["train", *NETWORK, "--out", str(out), "--steps", "300", "--seed", "5"]) == 0
    return out


def test_list_tells_every_controller_by_its_task(cli):
    status, out, err = cli("list")
    assert status == 0 and err == ""
    lines = out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(TASKS)
    for name in CONTROLLERS:
        about = [line for line in lines if line.split()[0] == name]
        assert len(about) == len(TASKS) and any("does not fit" not in line for line in about)
        assert all(len(line.split()) > 3 for line in about)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_settings_are_told_as_a_preset_that_changes_nothing(cli, tmp_path, name):
    task = next(task for task in TASKS if misfit(controller_class(name), make_plan(task, name).make_task()) is None)
    status, out, err = cli("settings", task, "--controller", name)
    assert status == 0 and err == ""
    (tmp_path / "mine.yaml").write_text(out)
    assert make_plan(task, name, str(tmp_path / "mine.yaml")).resolved() == make_plan(task, name).resolved()
    # And each of them is explained.
    for section in ("task", "controller", "training"):
        for key in make_plan(task, name).resolved()[section]:
            assert re.search(rf"^# .*\b{key}\b", out, re.MULTILINE), key


def test_settings_names_the_presets(cli):
    assert "# dqn on drivebot; presets: article\n" in cli("settings", "drivebot", "--controller", "dqn")[1]
    assert "presets: none\n" in cli("settings", "reach", "--controller", "pd")[1]


def test_run_prints_a_table(cli):
    status, out, _ = cli("run", *RULE, *SHORT)
    lines = out.splitlines()
    assert status == 0 and len(lines) == 2
    assert lines[0].split()[0] == "controller" and lines[1].split()[:3] == ["furthest_sonar", "in-process", "2"]


def test_run_json_prints_one_object_and_nothing_else(cli):
    status, out, err = cli("run", *RULE, *SHORT, "--json", "--seed", 4)
    told = json.loads(out)
    assert status == 0 and err == "" and len(out.splitlines()) == 1
    assert told.keys() >= KEYS
    assert (told["task"], told["controller"], told["episodes"], told["seed"]) == ("drivebot", "furthest_sonar", 2, 4)
    assert len(told["rewards"]) == len(told["steps"]) == len(told["outcomes"]) == 2
    assert told["mean_reward"] == pytest.approx(np.mean(told["rewards"])) and max(told["steps"]) <= 30
    assert all(len(values) == 2 for values in told["scores"].values()) and "distance" in told["scores"]
    assert told["steps_per_second"] == pytest.approx(sum(told["steps"]) / told["seconds"])


def results(cli, *arguments):
    _, out, _ = cli("run", *arguments, *SHORT, "--json")
    told = json.loads(out)
    return told["rewards"], told["steps"], told["outcomes"], told["scores"]


@pytest.mark.parametrize("learn", [(), ("--learn",)])
def test_the_same_seed_gives_the_same_and_another_seed_another(cli, learn):
    controller = ("drivebot", "--controller", "q_table", *learn)
    one, again, other = (results(cli, *controller, "--seed", seed) for seed in (1, 1, 2))
    assert one == again != other


def test_fewer_episodes_are_the_first_of_more(cli):
    few, more = (results(cli, *RULE, "--episodes", "1"), results(cli, *RULE))  # the later --episodes wins
    assert few == more
    _, out, _ = cli("run", *RULE, "--set", "max_steps=30", "--episodes", 1, "--json")
    assert json.loads(out)["rewards"] == more[0][:1]


def test_run_stores_what_it_tells(cli, tmp_path):
    path = tmp_path / "new" / "a.db"
    for label in ("one", "two"):
        _, out, _ = cli("run", *RULE, *SHORT, "--store", path, "--label", label, "--json")
    with Store(path, create=False) as store:
        assert [run.label for run in store.runs()] == ["one", "two"]
        last = store.runs()[1]
        assert last.task_settings["max_steps"] == 30 and last.task_settings["encoder"] == "furthest"
        assert [episode.reward for episode in store.episodes(last)] == json.loads(out)["rewards"]


MINE = """
from control_bench.controllers.base import Controller

class Always(Controller):
    def act(self, observation):
        return 1

class Text:
    pass
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A package of the user's on the Python path."""
    (tmp_path / "my_robot").mkdir()
    (tmp_path / "my_robot" / "__init__.py").touch()
    (tmp_path / "my_robot" / "rules.py").write_text(MINE)
    (tmp_path / "my_robot" / "broken.py").write_text("import nowhere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_robot.rules"
    for name in [name for name in sys.modules if name.split(".")[0] == "my_robot"]:
        del sys.modules[name]


def test_a_controller_of_the_users_runs_by_its_class(cli, mine):
    status, out, _ = cli("run", "drivebot", "--controller", f"{mine}:Always", *SHORT, "--json")
    told = json.loads(out)
    assert status == 0 and told["controller"] == f"{mine}:Always"
    assert told["scores"]["distance"] == [0, 0]  # it only ever turns


@pytest.mark.parametrize(
    "wrong, named",
    [
        (("run", "drivebot", "--controller", "furthest_snoar"), "did you mean 'furthest_sonar'?"),
        (("train", "drivebot", "--controller", "qtable", "--out", "OUT"), "did you mean 'q_table'?"),
        (("run", "drivebto", "--controller", "dqn"), "did you mean 'drivebot'?"),
        (("run", "drivebot", "--controller", "my_robot.rules:Alwasy"), "no class 'Alwasy'"),
        (("run", "drivebot", "--controller", "my_robot.rulse:Always"), "no module 'my_robot.rulse'"),
        (("run", "drivebot", "--controller", "my_robot.broken:Always"), "no module 'nowhere_at_all'"),
        (("run", "drivebot", "--controller", "my_robot.rules:Text"), "my_robot.rules:Text"),
        (("train", "drivebot", "--controller", "my_robot.rules:Text", "--out", "OUT"), "my_robot.rules:Text"),
        (("run", "my_robot.rules:Text", "--controller", "furthest_sonar"), "my_robot.rules:Text"),
        (("run", *RULE, "--set", "encoder=raw"), "encoder"),
        (("run", *RULE, "--set", "actions=continuous"), "actions: discrete"),
        (("run", *RULE, "--set", "patiense=3"), "did you mean 'patience'?"),
        (("run", *RULE, "--set", "task.patiense=3"), "did you mean 'patience'?"),
        (("run", *RULE, "--set", "patience=3.5"), "patience: 3.5 should be a whole number"),
        (("run", *RULE, "--set", "patience=0"), "patience: 0 should be above 0"),
        (("run", *RULE, "--set", "forward_speed=.inf"), "forward_speed: inf should be finite"),
        (("run", *RULE, "--set", "reward=anymovement"), "did you mean 'any_movement'?"),
        (("run", *RULE, "--set", "patience"), "write key=value"),
        (("run", *RULE, "--set", "patience=[1"), "not YAML"),
        (("run", *RULE, "--set", "map=trakc"), "did you mean 'track'?"),
        (("run", *RULE, "--set", "map=DIR/none.yaml"), "none.yaml"),
        (("run", *RULE, "--set", "map=DIR"), "DIR"),
        (("run", *RULE, "--set", "robot=drivebto"), "did you mean 'drivebot'?"),
        (("run", *RULE, "--set", "robot=DIR/none.yaml"), "none.yaml"),
        (("run", *RULE, "--preset", "article"), "article"),
        (("run", *RULE, "--preset", "DIR/none.yaml"), "none.yaml"),
        (("run", *RULE, "--episodes", "0"), "'0' should be a whole number above 0"),
        (("run", *RULE, "--episodes", "-3"), "--episodes"),
        (("run", *RULE, "--episodes", "many"), "'many' should be a whole number above 0"),
        (("run", *RULE, "--seed", "-1"), "--seed"),
        (("run", *RULE, "--seed", str(2**63)), str(2**63)),
        (("run", *RULE, "--learn"), "FurthestSonar does not learn"),
        (("run", "drivebot"), "--controller"),
        (("run", *RULE, "--checkpoint", "DIR/none.pt"), "none.pt"),
        (("run", *RULE, "--checkpoint", "DIR"), "neither best.pt nor last.pt"),
        (("run", *RULE, "--store", "FILE/a.db"), "FILE/a.db"),
        (("run", *RULE, "--store", "FILE"), "FILE"),
        (("run", *RULE, "--store", "DIR"), "DIR"),
        (("train", *RULE, "--out", "OUT"), "'furthest_sonar' does not learn"),
        (("train", "drivebot", "--controller", "my_robot.rules:Always", "--out", "OUT"), "does not learn"),
        (("train", *TABLE, "--out", "OUT", "--resume"), "OUT"),
        (("train", *TABLE, "--out", "FILE"), "FILE"),
        (("train", *TABLE, "--out", "FILE/out"), "FILE/out"),
        (("train", *TABLE, "--out", "OUT", "--steps", "0"), "'0' should be a whole number above 0"),
        (("train", *TABLE, "--out", "OUT", "--steps", "9", "--episodes", "9"), "not allowed with"),
        (("train", *TABLE, "--out", "OUT", "--set", "rows=0"), "rows: 0 should be above 0"),
        (("train", *TABLE), "--out"),
        (("report", "DIR/none.db"), "none.db"),
        (("report", "FILE"), "FILE"),
        (("tarin", *TABLE), "tarin"),
        ((), "COMMAND"),
    ],
    ids=lambda value: " ".join(value).removeprefix("run ") if isinstance(value, tuple) else "",
)
def test_bad_input_is_told_in_one_line(refused, mine, tmp_path, wrong, named):
    places = {"DIR": tmp_path / "folder", "FILE": tmp_path / "file", "OUT": tmp_path / "out"}
    places["DIR"].mkdir()
    places["FILE"].write_text("kept")

    def put(text):
        for name, path in places.items():
            text = text.replace(name, str(path))
        return text

    assert put(named) in refused(*map(put, wrong))
    assert places["FILE"].read_text() == "kept" and not (tmp_path / "out" / "last.pt").exists()


THRESHOLDS = {"occupied_thresh": 0.6, "free_thresh": 0.3, "negate": 0}
MAP = {"image": "m.png", "resolution": 0.02, "origin": [0, 0, 0]} | THRESHOLDS


@pytest.mark.parametrize(
    "change, named",
    [
        ({"image": "none.png"}, "none.png"),
        ({"image": "text.png"}, "text.png"),
        ({"resolution": 0}, "resolution"),
        ({"resolution": None}, "resolution"),
        ({"colour": "red"}, "colour"),
        ({"negate": 7}, "negate"),
        ({"image": "wall.png"}, "no place in it is free"),
    ],
)
def test_a_map_that_cannot_be_used_is_named(refused, tmp_path, change, named):
    Image.fromarray(np.full((60, 60), 255, np.uint8)).save(tmp_path / "m.png")
    Image.fromarray(np.zeros((60, 60), np.uint8)).save(tmp_path / "wall.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(MAP | change))
    line = refused("run", *RULE, "--set", f"map={tmp_path / 'm.yaml'}")
    assert named in line and str(tmp_path) in line


@pytest.mark.parametrize("content", ["", "a: [1", "- 1", "robot: {wheels: 3}", "robot: {robot_specifications: []}"])
@pytest.mark.parametrize("key", ["map", "robot"])
def test_a_malformed_file_is_named(refused, tmp_path, key, content):
    (tmp_path / "mine.yaml").write_text(content)
    assert str(tmp_path / "mine.yaml") in refused("run", *RULE, "--set", f"{key}={tmp_path / 'mine.yaml'}")


def test_a_map_of_the_users_runs(cli, tmp_path):
    Image.fromarray(np.pad(np.full((90, 90), 255, np.uint8), 5)).save(tmp_path / "m.png")
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(MAP))
    status, out, _ = cli("run", *RULE, *SHORT, "--set", f"map={tmp_path / 'm.yaml'}", "--json")
    assert status == 0 and json.loads(out)["episodes"] == 2


def test_checkpoints_that_cannot_be_used_are_named(refused, trained, tmp_path):
    garbage, pickled, short = (tmp_path / name for name in ("garbage.pt", "pickled.pt", "short.pt"))
    garbage.write_bytes(os.urandom(500))
    pickled.write_bytes(pickle.dumps({"policy": 3}))
    short.write_bytes((trained / "best.pt").read_bytes()[:-40])
    for path in (garbage, pickled, short):
        line = refused("run", "drivebot", "--controller", "dqn", "--checkpoint", path)
        assert f"{path}: not a checkpoint of ours" in line
    line = refused("run", "drivebot", "--controller", "q_table", "--checkpoint", trained)
    assert f"{trained / 'best.pt'}: made for controller 'dqn', not 'q_table'" in line
    for change in ("history=5", "encoder=raw", "hidden=[4]"):  # other spaces, another network
        refused("run", "drivebot", "--controller", "dqn", "--checkpoint", trained, "--set", change)
    assert "made for" in refused("run", *RULE, "--checkpoint", trained)


def test_databases_of_others_are_refused(refused, tmp_path):
    with sqlite3.connect(tmp_path / "theirs.db") as db:
        db.execute("CREATE TABLE notes (text)")
    db.close()
    before = (tmp_path / "theirs.db").read_bytes()
    assert "theirs.db: not an episode store" in refused("run", *RULE, *SHORT, "--store", tmp_path / "theirs.db")
    assert (tmp_path / "theirs.db").read_bytes() == before


def test_what_is_trained_runs(cli, trained):
    assert {path.name for path in trained.iterdir()} == {"best.pt", "last.pt", "settings.yaml", "curves"}
    assert yaml.safe_load((trained / "settings.yaml").read_text())["settings"]["controller"]["hidden"] == [6]
    status, out, _ = cli("run", "drivebot", "--controller", "dqn", "--checkpoint", trained, "--episodes", 2, "--json")
    told = json.loads(out)
    assert status == 0 and told["episodes"] == 2 and max(told["steps"]) <= 30  # the task as it was trained on
    for name in ("best.pt", "last.pt"):
        status, out, _ = cli(
            "run", "drivebot", "--controller", "dqn", "--checkpoint", trained / name, "--episodes", 2, "--json"
        )
        assert status == 0 and (name == "last.pt" or json.loads(out)["rewards"] == told["rewards"])


def test_a_folder_that_holds_a_training_is_not_overwritten(refused, trained):
    before = (trained / "last.pt").read_bytes()
    assert f"{trained}: holds a training already: give --resume" in refused("train", *NETWORK, "--out", trained)
    assert (trained / "last.pt").read_bytes() == before


def test_a_best_policy_that_was_left_alone_is_not_overwritten(refused, cli, tmp_path):
    out = tmp_path / "out"
    assert cli("train", *TABLE, "--out", out, "--steps", 100)[0] == 0
    (out / "last.pt").write_bytes((out / "last.pt").read_bytes()[:-200])
    line = refused("train", *TABLE, "--out", out, "--resume")
    assert "cut short" in line and line.strip().endswith("another --out; best.pt beside it is of use as a --checkpoint")
    (out / "last.pt").unlink()
    before = (out / "best.pt").read_bytes()
    assert "whose last.pt is not there: move it" in refused("train", *TABLE, "--out", out)
    assert (out / "best.pt").read_bytes() == before


def test_a_training_is_resumed_with_what_it_began_with(cli, refused, tmp_path):
    out = tmp_path / "out"
    assert cli("train", *TABLE, "--out", out, "--steps", 100, "--seed", 5)[0] == 0
    before = load(out / "last.pt")
    line = refused("train", *TABLE, "--set", "learning_rate=0.5", "--out", out, "--resume")
    assert str(out) in line and "began with controller_settings learning_rate=" in line and "not 0.5:" in line
    assert "began with seed 5, not 3: resume" in refused("train", *TABLE, "--seed", 3, "--out", out, "--resume")
    assert str(out) in refused("train", *NETWORK, "--out", out, "--resume")
    assert load(out / "last.pt")["steps"] == before["steps"]
    assert cli("train", *TABLE, "--out", out, "--steps", 100, "--resume")[0] == 0
    after = load(out / "last.pt")
    assert before["steps"] + 100 <= after["steps"] < before["steps"] + 104 and after["seed"] == 5


def test_a_policy_without_a_training_cannot_be_resumed(refused, trained, tmp_path):
    save(tmp_path / "last.pt", load(trained / "best.pt"))
    assert "nothing to resume" in refused("train", *NETWORK, "--out", tmp_path, "--resume")
    (tmp_path / "last.pt").write_bytes(b"garbage")
    assert f"{tmp_path / 'last.pt'}: not a checkpoint" in refused("train", *NETWORK, "--out", tmp_path, "--resume")


def test_one_seed_trains_one_policy(cli, tmp_path):
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        assert cli("train", *TABLE, "--out", tmp_path / name, "--steps", 100, "--seed", seed)[0] == 0
    one, again, other = (load(tmp_path / name / "last.pt")["policy"]["values"] for name in ("one", "again", "other"))
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or (one != other).any()


def test_training_counts_what_it_is_asked_to(cli, tmp_path):
    assert cli("train", *TABLE, "--out", tmp_path / "a", "--episodes", 6)[0] == 0
    assert 6 <= load(tmp_path / "a" / "last.pt")["training"]["progress"]["episodes"] < 10
    assert cli("train", *TABLE, "--set", "training.steps=60", "--out", tmp_path / "b")[0] == 0
    assert 60 <= load(tmp_path / "b" / "last.pt")["steps"] < 64


def test_training_goes_on_in_the_other_unit_from_where_it_stands(cli, tmp_path):
    def trained(*length):
        assert cli("train", *TABLE, "--out", tmp_path / "q", *length)[0] == 0
        last = load(tmp_path / "q" / "last.pt")
        return last["steps"], last["training"]["progress"]["episodes"]

    steps, episodes = trained("--episodes", 6)
    more_steps, _ = there = trained("--resume", "--steps", 40)
    assert steps + 40 <= more_steps < steps + 44
    steps, episodes = trained("--resume", "--episodes", 5)
    assert there[1] + 5 <= episodes < there[1] + 9 and steps > there[0]


def test_resuming_what_went_beyond_the_plan_keeps_count(cli, tmp_path):
    short = ("train", *TABLE, "--set", "training.steps=40", "--out", tmp_path / "q")
    assert cli(*short, "--steps", 100)[0] == 0
    assert cli(*short, "--resume")[0] == 0  # all that was planned is done
    assert cli(*short, "--resume", "--steps", 40)[0] == 0
    assert 140 <= load(tmp_path / "q" / "last.pt")["steps"] < 144


def test_what_was_learned_over_ros_is_not_trained_on(refused, tmp_path):
    about = {"task": "drivebot", "controller": "q_table", "seed": 0, "training": {"learner": {}, "actor": {}}}
    save(tmp_path / "last.pt", about)
    assert "learned over ROS: go on there" in refused("train", *TABLE, "--out", tmp_path, "--resume", "--steps", 10)


def test_a_learner_that_learns_while_it_runs_begins_from_nothing(cli):
    # As over topics: the policy that ships is for those that do not learn, or are told so.
    rewards = [
        json.loads(cli("run", "drivebot", "--controller", "q_table", "--json", *SHORT, *more)[1])["rewards"]
        for more in (
            (),
            ("--learn",),
            ("--learn", "--checkpoint", make_plan("drivebot", "q_table", shipped=True).checkpoint),
        )
    ]
    assert rewards[0] != rewards[1] != rewards[2]


def test_without_an_extra_the_list_says_what_is_missing(cli, monkeypatch):
    from control_bench import registry

    def load_class(target):
        if target.endswith(("naf:NAF", "dqn:DQN")):
            raise ModuleNotFoundError(name="torch")
        return found(target)

    found = registry.load_class
    monkeypatch.setattr(registry, "load_class", load_class)
    status, out, _ = cli("list")
    assert status == 0 and out.count("needs torch: pip install 'control_bench[learn]'") == 2 * len(TASKS)


@pytest.mark.parametrize(("unit", "asked", "stop"), [("--steps", "400", 200), ("--episodes", "30", 10)])
def test_a_stopped_training_goes_on_to_what_it_was_asked_for(cli, tmp_path, monkeypatch, unit, asked, stop):
    table = ("train", *TABLE, "--set", "save_every=100000")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert cli(*table, "--out", whole, unit, asked)[0] == 0
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "finished", property(lambda self: getattr(self.progress, unit[2:]) >= stop))
        assert cli(*table, "--out", stopped, unit, asked)[0] == 0
    assert stop <= load(stopped / "last.pt")["training"]["progress"][unit[2:]] < stop + 4
    assert cli(*table, "--out", stopped, "--resume")[0] == 0
    one, other = (load(out / "last.pt") for out in (whole, stopped))
    assert one["steps"] == other["steps"] and one["training"]["progress"] == other["training"]["progress"]


def test_a_stopped_training_goes_on_for_so_many_more_as_it_is_told(cli, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "finished", property(lambda self: self.progress.steps >= 100))
        assert cli("train", *TABLE, "--out", tmp_path / "q", "--steps", 5000)[0] == 0
    assert cli("train", *TABLE, "--out", tmp_path / "q", "--resume", "--steps", 60)[0] == 0
    assert 160 <= load(tmp_path / "q" / "last.pt")["steps"] < 168


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A long training that Ctrl-C ended: its folder, status, standard output and error."""
    out = tmp_path_factory.mktemp("interrupted") / "q"
    command = [sys.executable, "-m", "control_bench.cli", "train", *TABLE, "--set", "save_every=200"]
    process = subprocess.Popen(
        [*command, "--out", str(out), "--steps", "10000000", "--seed", "3"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (out / "last.pt").is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    try:
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    return out, process.returncode, stdout, stderr


def test_ctrl_c_keeps_what_was_trained(interrupted):
    out, status, stdout, stderr = interrupted
    assert status == 130 and "Traceback" not in stderr
    last = load(out / "last.pt")
    assert last["steps"] >= 200 and f"{last['steps']} steps" in stdout  # all of it, not what the last save_every kept
    assert (out / "best.pt").is_file()


def test_after_ctrl_c_training_goes_on_by_the_command_it_told(interrupted, cli):
    out, _, stdout, _ = interrupted
    before = load(out / "last.pt")["steps"]
    (told,) = (line for line in stdout.splitlines() if "go on with: control-bench " in line)
    command = shlex.split(told.split("go on with: control-bench ")[1])
    assert "--resume" in command
    status, _, err = cli(*command, "--steps", 50)
    assert (status, err) == (0, "")
    assert before + 50 <= load(out / "last.pt")["steps"] < before + 54


def test_after_ctrl_c_training_goes_on_with_resume(interrupted, cli):
    out = interrupted[0]
    before = load(out / "last.pt")["steps"]
    assert cli("train", *TABLE, "--set", "save_every=200", "--out", out, "--resume", "--steps", 50)[0] == 0
    # What was asked adds up: four rows that overshot before do not lengthen what comes after.
    assert before + 47 <= load(out / "last.pt")["steps"] < before + 54


def test_ctrl_c_in_a_run_stores_the_episodes_that_ended(tmp_path):
    path = tmp_path / "a.db"
    command = [sys.executable, "-m", "control_bench.cli", "run", "drivebot", "--controller", "turn_until_clear"]
    process = subprocess.Popen(
        [*command, "--episodes", "100000", "--set", "max_steps=60", "--store", str(path), "--json"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if path.is_file() and path.stat().st_size:
            time.sleep(0.5)
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in stderr
    told = json.loads(stdout)
    with Store(path, create=False) as store:
        (run,) = store.runs()
        assert [episode.reward for episode in store.episodes(run)] == told["rewards"] and told["episodes"] > 0


def test_the_command_is_there_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "control_bench.cli", "run", *RULE, "--set", "patience=x"], capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_every_learner_of_ours_is_trained_by_its_name(cli, tmp_path):
    from control_bench.registry import controller_class

    learners = [name for name in CONTROLLERS if issubclass(controller_class(name), Learner)]
    assert {"q_table", "dqn", "naf", "linear"} <= set(learners)
    for name in learners:
        small = ["drivebot", *SMALL]
        if misfit(controller_class(name), make_plan("drivebot", name).make_task()):
            small = ["balance", "--set", "rows=2", "--set", "evaluate_rows=2", "--set", "longest=5"]
        out = Path(tmp_path) / name
        assert cli("train", *small, "--controller", name, "--out", out, "--steps", 20)[0] == 0
        assert load(out / "best.pt")["controller"] == name


CART = (
    "balance", "--controller", "naf", "--set", "rows=2", "--set", "evaluate_rows=2", "--set", "longest=12", "--set",
    "hidden=[8]", "--set", "batch=8",
)  # fmt: skip


def test_a_training_killed_with_9_goes_on_from_its_last_checkpoint(cli, tmp_path):
    # What was learned after the checkpoint is learned again, the same; its points are on the curves once.
    settings = [*CART, "--set", "learn_start=30", "--set", "save_every=60", "--set", "log_every=20"]
    settings += ["--set", "evaluate_every=80", "--set", "steps=400"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "control_bench.cli", "train", *settings, "--out", str(killed)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not (killed / "last.pt").is_file() and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    assert load(killed / "last.pt")["steps"] < 400
    assert cli("train", *settings, "--out", killed, "--resume")[0] == 0
    assert cli("train", *settings, "--out", whole)[0] == 0
    one, other = (load(folder / "last.pt") for folder in (killed, whole))
    assert one["steps"] == other["steps"]
    for name, values in one["policy"]["network"].items():
        np.testing.assert_array_equal(values, other["policy"]["network"][name])
    made, expected = (
        {name: [step for step, _ in points] for name, points in curves(folder).items()} for folder in (killed, whole)
    )
    assert made == expected
    assert all(np.diff(steps).min() > 0 for steps in made.values() if len(steps) > 1)


def test_what_no_memory_is_large_enough_for_is_told_in_one_line(cli):
    status, out, err = cli("run", "grasp", "--controller", "random_grasp", "--set", "width=1000000000")
    assert status == 2 and err.startswith("control-bench: short of memory (Unable to allocate")
    assert len(err.splitlines()) == 1 and "make pictures" in err


def test_a_loss_that_is_no_number_ends_a_training_at_its_last_checkpoint(cli, tmp_path):
    wild = ["--set", "learn_start=60", "--set", "learning_rate=1e30", "--set", "clip_gradient=0"]
    status, _, said = cli("train", *CART, *wild, "--set", "save_every=20", "--out", tmp_path, "--steps", 400)
    (line,) = [line for line in said.splitlines() if line.startswith("control-bench:")]
    assert status == 2 and "no numbers any more: lower learning_rate or clip_gradient" in line
    assert 40 <= load(tmp_path / "last.pt")["steps"] <= 70  # none of what it did wrong was kept
