"""ahf: what was trained is what acts, what does not suit it is refused in one line, and the command line trains and
runs it."""

import io
import json
import os
import signal
import sys

import numpy as np
import pytest
import torch

from control_bench.bench.run import run_episode
from control_bench.cli import main
from control_bench.controllers.actor import Actor
from control_bench.controllers.ahf import AHF, AHFSettings
from control_bench.dynamics.models import make_model
from control_bench.env import TaskEnv
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import load, save
from control_bench.learning.reach_training import UNSEEN, ReachTrainer
from control_bench.plan import make_plan
from control_bench.registry import make_task

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {
    "task.dt": 0.02, "units": 6, "rows": 8, "reach": 0.1, "stay_most": 0.06, "training.hold": 0.04,
}  # fmt: skip
WORDS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
TODOROV = ["reach", "--controller", "ahf", *WORDS, "--set", "arm=todorov"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of a short training of Todorov's arm."""
    out = tmp_path_factory.mktemp("trained") / "ahf"
    assert main(["train", *TODOROV, "--out", str(out), "--steps", "3", "--seed", "5"]) == 0
    return out


def make(arm="two_link", settings=None, seed=0, **task_settings):
    """An untrained ahf and the task that it is for."""
    task = make_task("reach", {"arm": arm, "dt": 0.02, **task_settings})
    return AHF(task.observation_space, task.action_space, settings or AHFSettings(6), seed, model=task.model), task


def judged(trainer):
    """The reaches that it is judged on."""
    return trainer._draw(np.random.default_rng([3, 1]), UNSEEN, 0.5)[1]


def refused(plan):
    """The line that a plan's controller is refused with."""
    with pytest.raises(BadInput) as caught:
        plan.make_controller(plan.make_task())
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The policy is the controller.


@pytest.mark.parametrize("arm", ["two_link", "three_link"])
@pytest.mark.parametrize("noisy", [False, True])
def test_the_trained_policy_is_the_controller_step_by_step(tmp_path, arm, noisy):
    noise = {"delay": 0.04, "position_noise": 0.01, "velocity_noise": 0.05, "motor_noise": 0.1} if noisy else {}
    plan = make_plan("reach", "ahf", assignments=SMALL | noise | {"arm": arm})
    trainer = ReachTrainer.of(plan, tmp_path, {}, 3)
    trainer.run(steps=2)
    batch, controller = judged(trainer), trainer.controller
    model = controller.model
    delay = 2 if noisy else 0
    with torch.no_grad():
        rolled = trainer._roll_out(controller.policy, batch)
    assert rolled.torques.abs().max() < model.torque.min()  # or they would be clipped
    targets = model.circle(2 * np.pi * (np.arange(UNSEEN) + 0.5) / UNSEEN)
    for row in (0, 1, 30):
        controller.begin(row)
        for t, goal in enumerate(batch.goals[:, row]):
            sensed = rolled.states[max(t - delay, 0), row] + (batch.sensor_noise[t, row] if noisy else 0.0)
            target = targets[row] if torch.equal(goal, batch.goals[0, row]) else model.centre
            torque = controller.act(np.concatenate([sensed.numpy(), target]))
            np.testing.assert_allclose(torque, rolled.torques[t, row], rtol=1e-7, atol=1e-10)


def test_an_episode_with_late_sensors_is_the_roll_out_of_training(tmp_path):
    # The world's delay and the training's are the same, step by step.
    late = {"delay": 0.06, "leg_time": 0.3}
    trainer = ReachTrainer.of(make_plan("reach", "ahf", assignments=SMALL | late), tmp_path, {}, 3)
    controller = trainer.controller
    episode = run_episode(TaskEnv(trainer.task), Actor(controller), 0, 7)
    shown = np.array([controller.goal_of(target) for target in episode.readings["target"][:-1]])
    start = np.concatenate([episode.readings["true_position"][0], episode.readings["true_velocity"][0]])
    batch = judged(trainer)
    batch = type(batch)(torch.as_tensor(start)[None], torch.as_tensor(shown)[:, None], batch.checks, batch.wanted,
                        batch.weights, delay=batch.delay)  # fmt: skip
    with torch.no_grad():
        rolled = trainer._roll_out(controller.policy, batch)
    assert batch.delay == 3 and len(shown) == episode.steps == 30
    np.testing.assert_allclose(episode.actions, rolled.torques[:, 0], rtol=1e-6, atol=1e-9)
    states = np.hstack([episode.readings["true_position"], episode.readings["true_velocity"]])
    np.testing.assert_allclose(states, rolled.states[:, 0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("arm", ["two_link", "todorov", "three_link"])
def test_begin_forgets_the_memory(arm):
    controller, task = make(arm, leg_time=0.2)
    fresh, env = make(arm)[0], TaskEnv(task)
    run_episode(env, Actor(controller), 0, 1)
    again, expected = (run_episode(env, Actor(one), 0, 2) for one in (controller, fresh))
    np.testing.assert_array_equal(again.actions, expected.actions)


def test_it_remembers_within_an_episode():
    controller, task = make()
    observation = np.concatenate([task.model.start, np.zeros(2), task.model.centre])
    controller.begin(0)
    first, second = controller.act(observation), controller.act(observation)
    assert (first != second).all()
    controller.begin(1)
    np.testing.assert_array_equal(controller.act(observation), first)


def test_a_target_that_is_shown_anew_is_what_it_goes_for():
    controller, task = make()
    model = task.model
    one, other = model.circle(np.array([0.0, 2.0]))
    for target in (one, other):
        np.testing.assert_allclose(model.hand(controller.goal_of(target)), target, atol=1e-9)
    state = np.concatenate([model.start, np.zeros(2)])
    target = one.copy()
    controller.begin(0)
    controller.act(np.concatenate([state, target]))
    target[:] = other  # the same array, as a node may hand it over
    second = controller.act(np.concatenate([state, target]))
    controller.begin(0)
    controller.act(np.concatenate([state, one]))
    assert (controller.act(np.concatenate([state, one])) != second).all()


def test_torques_are_within_the_arms_limits():
    controller, task = make(settings=AHFSettings(6, spread=500.0))
    controller.begin(0)
    torque = controller.act(np.concatenate([task.model.start, np.full(2, 30.0), task.model.centre]))
    assert task.action_space.contains(torque) and (np.abs(torque) == task.model.torque).any()


def test_the_seed_makes_the_untrained_policy():
    one, again, other = (make(seed=seed)[0].get_policy()["network"] for seed in (1, 1, 2))
    assert all((one[name] == again[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def test_making_one_draws_from_no_global_generator():
    before = torch.get_rng_state()
    make()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_policy_goes_from_one_to_the_other():
    (one, task), (other, _) = make(seed=1), make(seed=2)
    other.set_policy(one.get_policy())
    observation = np.concatenate([task.model.start, np.zeros(2), task.model.centre])
    np.testing.assert_array_equal(*(made.act(observation) for made in (one, other)))


# What it refuses.


def test_the_kuka_is_refused():
    line = refused(make_plan("reach", "ahf", assignments={"arm": "kuka"}))
    assert "ahf" in line and "kuka" in line and "take another arm" in line


def test_training_in_a_force_field_is_refused(tmp_path):
    plan = make_plan("reach", "ahf", assignments=SMALL | {"force_field": 0.5})
    with pytest.raises(BadInput, match="force_field: .*: set it to 0") as caught:
        ReachTrainer.of(plan, tmp_path, {}, 0)
    assert "\n" not in str(caught.value)
    controller = plan.make_controller(plan.make_task())  # to be put to the test in one it may
    assert run_episode(TaskEnv(plan.make_task()), Actor(controller), 0, 0).steps > 0


def test_a_task_without_a_model_is_refused():
    assert "the task has none" in refused(make_plan("drivebot", "ahf"))


def test_a_controller_for_another_arm_is_refused():
    _, task = make()
    with pytest.raises(BadInput, match="AHF can't be used here: arm three_link has 3 joints"):
        AHF(task.observation_space, task.action_space, model=make_model("three_link", 0.01))


def test_what_is_not_finite_or_out_of_reach_is_refused():
    controller, task = make()
    good = np.concatenate([task.model.start, np.zeros(2), task.model.centre])
    for place, value, told in ((0, np.nan, "not finite"), (4, 9.0, "ahf: the target .* is out of the arm's reach")):
        controller.begin(0)
        wrong = good.copy()
        wrong[place] = value
        with pytest.raises(BadInput, match=told) as caught:
            controller.act(wrong)
        assert "\n" not in str(caught.value)
        assert task.action_space.contains(controller.act(good))  # and goes on after it


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"arm": "two_link"}, ("todorov", "two_link", "set task.arm=todorov")),  # an arm of the same sizes
        ({"dt": 0.01}, ("0.02", "0.01", "set task.dt=0.02")),
        ({"arm": "three_link"}, ("made for", "set the task as it was")),
        ({"arm": "kuka"}, ("kuka", "take another arm")),
        ({"units": 7}, ("controller settings", "leave them as they were")),
    ],
)
def test_a_policy_of_something_else_is_refused_with_its_file_and_the_mend(trained, change, told):
    line = refused(make_plan("reach", "ahf", checkpoint=trained, assignments=change))
    assert all(part in line for part in told), line
    assert "kuka" in told or str(trained / "best.pt") in line


def test_a_policy_for_its_own_arm_is_taken(trained):
    plan = make_plan("reach", "ahf", checkpoint=trained)
    assert (plan.task_settings["arm"], plan.task_settings["dt"], plan.controller_settings["units"]) == (
        "todorov",
        0.02,
        6,
    )
    controller = plan.make_controller(plan.make_task())
    expected = load(trained / "best.pt")["policy"]["network"]
    for name, values in controller.get_policy()["network"].items():
        np.testing.assert_array_equal(values, expected[name])


def test_a_checkpoint_without_its_arm_is_refused(trained, tmp_path):
    contents = load(trained / "best.pt")
    del contents["policy"]["arm"]
    save(tmp_path / "best.pt", contents)
    assert str(tmp_path / "best.pt") in refused(make_plan("reach", "ahf", checkpoint=tmp_path))


# The command line.


def test_a_trained_policy_runs(cli, trained):
    status, out, err = cli("run", "reach", "--controller", "ahf", "--checkpoint", trained, "--set", "leg_time=0.2",
                           "--episodes", 2, "--json")  # fmt: skip
    told = json.loads(out)
    assert (status, err) == (0, "") and told["episodes"] == 2 and max(told["steps"]) <= 20
    assert all(np.isfinite(told["scores"]["hand_error"]))


def test_training_tells_its_folder_and_is_resumed(cli, tmp_path):
    out = tmp_path / "ahf"
    status, told, err = cli("train", *TODOROV, "--out", out, "--steps", 1)
    assert (status, err) == (0, "") and "1 steps, 8 episodes" in told
    assert cli("train", *TODOROV, "--out", out, "--steps", 1, "--resume")[0] == 0
    assert load(out / "last.pt")["steps"] == 2 and (out / "best.pt").is_file() and (out / "settings.yaml").is_file()


def test_episodes_are_refused_with_one_line(cli, tmp_path):
    status, out, err = cli("train", *TODOROV, "--out", tmp_path / "ahf", "--episodes", 5)
    assert (status, out) == (2, "")
    assert err.strip() == "control-bench: --episodes: ahf is trained in steps: give --steps"


def test_ctrl_c_keeps_what_was_trained_and_tells_how_to_go_on(cli, tmp_path, monkeypatch):
    step = ReachTrainer.step

    def interrupted(trainer):
        step(trainer)
        if trainer.progress.steps == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ReachTrainer, "step", interrupted)
    status, told, _ = cli("train", *TODOROV, "--out", tmp_path, "--steps", 50)
    assert status == 130 and "2 steps" in told and "go on with: control-bench train reach --controller ahf" in told
    assert load(tmp_path / "last.pt")["steps"] == 2 and (tmp_path / "best.pt").is_file()


def test_the_progress_bar_tells_how_far_the_hand_is_off(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["train", *TODOROV, "--set", "evaluate_every=1", "--out", str(tmp_path), "--steps", "2"]) == 0
    told = sys.stderr.getvalue()
    assert "loss " in told and "hand off by" in told and " mm" in told


def test_settings_that_make_no_sense_are_refused():
    for settings in ({"units": 0}, {"units": 200_000}, {"spread": 0.0}, {"spread": -1.0}):
        with pytest.raises(BadInput, match="should be above 0|more than can be trained"):
            AHFSettings(**settings)
