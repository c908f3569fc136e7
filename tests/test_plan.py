"""Plans: which source of settings wins, what a key of --set means, and which checkpoints fit."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from control_bench.controllers.base import Controller
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import load, save
from control_bench.plan import describe, make_plan, spaces_of
from control_bench.resources import share


def refusal(*args, **options):
    with pytest.raises(BadInput) as caught:
        make_plan(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(path, tree):
    path.write_text(yaml.safe_dump(tree))
    return path


@pytest.fixture
def checkpoint(tmp_path):
    """A DQN's policy that saw two events of the sonars and had one small layer."""
    plan = make_plan("drivebot", "dqn", assignments={"hidden": [5], "history": 2, "max_steps": 77})
    task = plan.make_task()
    sections = plan.resolved()
    path = tmp_path / "best.pt"
    save(path, {
        "task": "drivebot", "controller": "dqn", "spaces": spaces_of(task), "task_settings": sections["task"],
        "controller_settings": sections["controller"], "policy": plan.make_controller(task, seed=9).get_policy(),
    })  # fmt: skip
    return path


def test_a_controllers_own_file_is_read():
    assert make_plan("drivebot", "furthest_sonar").make_task().settings.encoder == "furthest"
    for path in (share() / "config" / "drivebot").glob("*.yaml"):
        controller, _, preset = path.stem.partition("-")
        resolved = make_plan("drivebot", controller, preset or None).resolved()
        for section, settings in yaml.safe_load(path.read_text()).items():
            assert settings.items() <= resolved[section].items()


def test_defaults_fill_the_rest():
    resolved = make_plan("drivebot", "turn_until_clear").resolved()
    assert resolved["task"]["max_steps"] == 1000 and resolved["controller"]["turn_below"] == 60.0
    assert make_plan("drivebot", "dqn").resolved()["training"]["log_every"] == 1000


@pytest.mark.parametrize("path", sorted((share() / "config" / "drivebot").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_of_ours_makes_a_controller_that_fits_its_task(path):
    controller, _, preset = path.stem.partition("-")
    plan = make_plan("drivebot", controller, preset or None)
    task = plan.make_task()
    controller = plan.make_controller(task)
    observation = task.observe(task.make_world().read(), np.array([True]))
    assert task.action_space.contains(np.int64(controller.act(observation[0])))


def test_the_articles_preset_is_the_articles():
    settings = make_plan("drivebot", "dqn", "article").resolved()["controller"]
    assert settings["hidden"] == [3] and settings["activation"] == "sigmoid" and settings["discount"] == 0.9
    assert settings["learning_rate"] == 0.01 and settings["optimiser"] == "sgd" and settings["target_every"] == 10


def test_later_sources_win(tmp_path):
    preset = write(tmp_path / "mine.yaml", {"task": {"history": 3, "max_steps": 50}, "controller": {"batch": 7}})
    plan = make_plan("drivebot", "dqn", str(preset), assignments={"max_steps": 60})
    settings = plan.make_task().settings
    assert (settings.encoder, settings.history, settings.max_steps) == ("standardised", 3, 60)  # ours, preset, --set
    assert plan.resolved()["controller"]["batch"] == 7


def test_a_checkpoints_settings_win_over_files_and_lose_to_assignments(checkpoint):
    plan = make_plan("drivebot", "dqn", checkpoint=checkpoint, assignments={"task.max_steps": 88})
    settings = plan.make_task().settings
    assert (settings.history, settings.max_steps) == (2, 88)
    assert plan.resolved()["controller"]["hidden"] == [5]


def test_a_folder_stands_for_its_checkpoint_and_its_policy_acts(checkpoint):
    plan = make_plan("drivebot", "dqn", checkpoint=str(checkpoint.parent))
    assert plan.checkpoint == checkpoint
    controller = plan.make_controller(plan.make_task(), seed=1)
    for name, values in load(checkpoint)["policy"]["network"].items():
        np.testing.assert_array_equal(controller.get_policy()["network"][name], values)


def test_on_another_map_a_policy_starts_where_that_map_has_room(checkpoint, tmp_path):
    # The checkpoint was made with `starts` left open on our track; on a map of the user's, open means anywhere.
    (tmp_path / "hall.png").write_bytes((share() / "maps" / "track.png").read_bytes())
    hall = tmp_path / "hall.yaml"
    hall.write_text((share() / "maps" / "track.yaml").read_text().replace("track.png", "hall.png"))
    without = make_plan("drivebot", "dqn", assignments={"map": str(hall)})
    acting = make_plan("drivebot", "dqn", checkpoint=checkpoint, assignments={"map": str(hall)})
    assert not without.make_task().settings.starts_on_track
    assert not acting.make_task().settings.starts_on_track


@pytest.mark.parametrize("key, section", [("rows", "training"), ("history", "task"), ("batch", "controller")])
def test_a_key_is_found_in_its_section(key, section):
    alone = make_plan("drivebot", "dqn", assignments={key: 5})
    named = make_plan("drivebot", "dqn", assignments={f"{section}.{key}": 5})
    assert alone.resolved() == named.resolved() and alone.resolved()[section][key] == 5


def module(tmp_path, monkeypatch, name, text):
    """A module of the user's on the path."""
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)


AMBIGUOUS = """
from dataclasses import dataclass
from control_bench.controllers.base import Controller

@dataclass(frozen=True)
class RuleSettings:
    history: int = 9

class Rule(Controller):
    Settings = RuleSettings
"""


def test_a_key_that_two_sections_have_must_be_told_apart(tmp_path, monkeypatch):
    module(tmp_path, monkeypatch, "ambiguous_rules", AMBIGUOUS)
    name = "ambiguous_rules:Rule"
    message = refusal("drivebot", name, assignments={"history": 2})
    assert "--set history: task and controller both have it: write task.history or controller.history" in message
    resolved = make_plan("drivebot", name, assignments={"controller.history": 2}).resolved()
    assert resolved["task"]["history"] == 1 and resolved["controller"]["history"] == 2


@pytest.mark.parametrize(
    "assignments, named",
    [
        ({"histroy": 2}, "--set histroy: unknown setting, did you mean 'history'?"),
        ({"task.histroy": 2}, "--set task.histroy: task has no setting 'histroy', did you mean 'history'?"),
        ({"task.batch": 2}, "task has no setting 'batch'"),
        ({"tsak.history": 2}, "--set tsak.history: unknown setting"),
        ({"history": "two"}, "history: 'two' should be a whole number"),
        ({"history": 0}, "history: 0 should be above 0"),
        ({"encoder": "rwa"}, "encoder: 'rwa' is not a choice, did you mean 'raw'?"),
        ({"learning_rate": float("nan")}, "learning_rate: nan should be finite"),
        ({"hidden": 64}, "hidden: 64 should be a list"),
        ({"rows": 0}, "rows: 0 should be above 0"),
    ],
)
def test_wrong_assignments_are_named(assignments, named):
    assert named in refusal("drivebot", "dqn", assignments=assignments)


def test_what_is_not_trained_has_no_settings_of_a_training():
    assert "unknown setting" in refusal("reach", "pd", assignments={"rows": 3})
    assert "training has no setting 'rows', there is: none" in refusal("reach", "pd", assignments={"training.rows": 3})


class Looks(Controller):
    uses = ("camera",)


def test_what_a_task_does_not_tell_is_no_traceback():
    plan = make_plan("drivebot", f"{__name__}:Looks")
    with pytest.raises(BadInput, match="it wants the task's camera, and the task tells of none"):
        plan.make_controller(plan.make_task())


@pytest.mark.parametrize(
    "names, named",
    [
        (("drivebto", "dqn"), "unknown task 'drivebto', did you mean 'drivebot'?"),
        (("drivebot", "dqm"), "unknown controller 'dqm', did you mean 'dqn'?"),
        (("drivebot", "nowhere.at.all:Mine"), "no module 'nowhere'"),
        (("drivebot", "json:Mine"), "json has no class 'Mine'"),
        (("drivebot", ":Mine"), "':Mine'"),
        (("drivebot", "json:JSONDecoder"), "json:JSONDecoder"),  # a class, but no Controller
        (("drivebot", "json:dumps"), "json:dumps"),  # no class at all
        (("json:JSONDecoder", "dqn"), "json:JSONDecoder"),  # no Task
    ],
)
def test_names_that_cannot_be_used_are_named(names, named):
    assert named in refusal(*names)


@pytest.mark.parametrize(
    "tree, named",
    [
        ({"tsak": {}}, "unknown section 'tsak', did you mean 'task'?"),
        ({"task": {"histroy": 2}}, "task: unknown key 'histroy', did you mean 'history'?"),
        ({"controller": {"batch": "many"}}, "controller: batch: 'many' should be a whole number"),
        ({"task": 3}, "task"),
        ({"task": ["history"]}, "task"),
        ({"task": "history"}, "task"),
    ],
)
def test_wrong_presets_name_the_file_and_the_key(tmp_path, tree, named):
    path = write(tmp_path / "mine.yaml", tree)
    message = refusal("drivebot", "dqn", str(path))
    assert str(path) in message and named in message


def test_an_empty_section_changes_nothing(tmp_path):
    path = write(tmp_path / "mine.yaml", {"task": None})
    assert make_plan("drivebot", "dqn", str(path)).resolved() == make_plan("drivebot", "dqn").resolved()


def test_a_preset_has_a_policy_of_its_own():
    by_poses, by_pixels = (make_plan("balance", "naf", preset, shipped=True) for preset in (None, "pixels"))
    assert by_poses.checkpoint.name == "naf.pt" and by_pixels.checkpoint.name == "naf-pixels.pt"
    assert by_pixels.resolved()["task"]["observation"] == "pixels"
    by_pixels.check_trained()


@pytest.mark.parametrize("file", sorted((share() / "policies").glob("*/*.pt")), ids=lambda file: file.stem)
def test_what_ships_was_trained_as_its_command_trains_today(file):
    task, (controller, _, preset) = file.parent.name, file.stem.partition("-")
    ours, today = (make_plan(task, controller, preset or None, shipped=shipped) for shipped in (True, False))
    assert ours.checkpoint == file and ours.resolved() == today.resolved()
    preset = f" --preset {preset}" if preset else ""
    told = (share() / "policies" / "README.md").read_text()
    assert f"| `{task}/{file.name}` | `control-bench train {task} --controller {controller}{preset} --out " in told


def test_a_preset_that_a_checkpoint_was_not_trained_by_is_refused():
    by_poses, by_pixels = (make_plan("balance", "naf", preset, shipped=True).checkpoint for preset in (None, "pixels"))
    assert make_plan("balance", "naf", "pixels", by_pixels).contents is not None
    told = refusal("balance", "naf", "pixels", by_poses)
    assert "trained with observation=poses, not pixels as preset 'pixels' has it: leave the preset out" in told


def test_what_nobody_trained_is_told_with_the_training_that_makes_it():
    plan = make_plan("balance", "naf", "pixels_alone", shipped=True)
    with pytest.raises(
        BadInput, match="`control-bench train balance --controller naf --preset pixels_alone --out DIR`"
    ):
        plan.check_trained()


def test_unknown_presets_are_told_with_what_there_is(tmp_path):
    assert "dqn on drivebot has no preset 'artcle', did you mean 'article'?" in refusal("drivebot", "dqn", "artcle")
    assert "no preset 'article', it has none" in refusal("drivebot", "furthest_sonar", "article")
    assert str(tmp_path / "none.yaml") in refusal("drivebot", "dqn", str(tmp_path / "none.yaml"))


def test_a_checkpoint_of_something_else_is_refused(checkpoint):
    assert f"{checkpoint}: made for controller 'dqn', not 'q_table'" in refusal(
        "drivebot", "q_table", checkpoint=checkpoint
    )
    save(checkpoint, load(checkpoint) | {"task": "cartpole"})
    assert f"{checkpoint}: made for task 'cartpole', not 'drivebot'" in refusal(
        "drivebot", "dqn", checkpoint=checkpoint
    )


@pytest.mark.parametrize(
    "change", [{"history": 3}, {"encoder": "raw"}, {"encoder": "furthest"}, {"actions": "continuous"}]
)
def test_a_checkpoint_for_other_spaces_is_refused(checkpoint, change):
    plan = make_plan("drivebot", "dqn", checkpoint=checkpoint, assignments=change)
    with pytest.raises(BadInput) as caught:
        plan.make_controller(plan.make_task())
    assert "\n" not in str(caught.value)
    assert str(checkpoint) in str(caught.value) or "can't be used here" in str(caught.value)


@pytest.mark.parametrize("change", [{"hidden": [4]}, {"hidden": [5, 5]}, {"dueling": True}])
def test_a_checkpoint_for_another_network_is_refused(checkpoint, change):
    plan = make_plan("drivebot", "dqn", checkpoint=checkpoint, assignments=change)
    with pytest.raises(BadInput) as caught:
        plan.make_controller(plan.make_task())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["task_settings", "controller_settings", "spaces", "policy"])
def test_a_checkpoint_that_lacks_something_is_refused(checkpoint, missing):
    contents = load(checkpoint)
    del contents[missing]
    save(checkpoint, contents)
    with pytest.raises(BadInput, match="best.pt"):
        plan = make_plan("drivebot", "dqn", checkpoint=checkpoint)
        plan.make_controller(plan.make_task())


def test_a_checkpoint_whose_settings_are_no_longer_there_names_the_file(checkpoint):
    contents = load(checkpoint)
    save(checkpoint, contents | {"task_settings": contents["task_settings"] | {"gone": 3}})
    message = refusal("drivebot", "dqn", checkpoint=checkpoint)
    assert "gone" in message and str(checkpoint) in message


def test_a_rule_takes_no_checkpoint(tmp_path):
    plan = make_plan("drivebot", "turn_until_clear")
    task, sections = plan.make_task(), plan.resolved()
    save(tmp_path / "a.pt", {
        "task": "drivebot", "controller": "turn_until_clear", "spaces": spaces_of(task), "policy": {},
        "task_settings": sections["task"], "controller_settings": sections["controller"],
    })  # fmt: skip
    plan = make_plan("drivebot", "turn_until_clear", checkpoint=tmp_path / "a.pt")
    with pytest.raises(BadInput, match="takes no checkpoint"):
        plan.make_controller(plan.make_task())


def test_a_description_reads_back_as_the_same_plan(tmp_path):
    plan = make_plan("drivebot", "dqn", "article", assignments={"rows": 3, "history": 2})
    told = yaml.safe_load(describe(plan))
    assert (told["task"], told["controller"]) == ("drivebot", "dqn")
    again = make_plan("drivebot", "dqn", str(write(tmp_path / "again.yaml", told["settings"])))
    assert again.resolved() == plan.resolved()


def test_maps_and_robots_are_found_by_name_or_path_and_else_named(tmp_path):
    ours = make_plan("drivebot", "turn_until_clear", assignments={"map": str(share() / "maps" / "track.yaml")})
    assert ours.make_task().grid.size == pytest.approx((10.0, 10.0))
    for key, value, named in (
        ("map", "trakc", "did you mean 'track'?"), ("robot", "drivebto", "did you mean 'drivebot'?"),
        ("map", str(tmp_path / "none.yaml"), str(Path(tmp_path) / "none.yaml")),
    ):  # fmt: skip
        with pytest.raises(BadInput) as caught:
            make_plan("drivebot", "turn_until_clear", assignments={key: value}).make_task()
        assert named in str(caught.value)
