"""The reach task: its episodes, its cost and its scores, worked out again from the readings alone."""

import json
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import control_bench  # noqa: F401  (registers the environments)
from control_bench.bench.run import run_episode
from control_bench.controllers.actor import Actor
from control_bench.controllers.osc import OSC
from control_bench.env import TaskEnv
from control_bench.errors import BadInput
from control_bench.registry import make_env, make_task
from control_bench.tasks.reach import Reach, ReachSettings

NAME, DT = "control_bench/Reach-v0", 0.01
PLANAR = ["two_link", "todorov", "three_link"]
NOISY = {
    "motor_noise": 0.2, "position_noise": 0.002, "velocity_noise": 0.01, "delay": 0.03, "force_field": 0.02,
    "hold": 0.02,
}  # fmt: skip
SHORT = {"leg_time": 0.15}


def play(seed=0, **settings):
    """One episode of operational space control, as it is recorded, and the task that judged it."""
    task = Reach(ReachSettings(**settings))
    controller = OSC(task.observation_space, task.action_space, model=task.model)
    return run_episode(TaskEnv(task), Actor(controller), 0, seed), task


def push(seed, row, step, joints=2):
    """A random torque that depends on nothing but these."""
    return np.random.default_rng((seed, row, step)).uniform(-0.5, 0.5, joints)


# Gymnasium's own rules.


@pytest.mark.parametrize("arm", [*PLANAR, "kuka"])
def test_passes_gymnasiums_check(arm):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Hints to those who make environments for learners: torques are in N m, and joints turn without an end.
        warnings.filterwarnings("ignore", ".*(normalized space|infinity)")
        check_env(gymnasium.make(NAME, disable_env_checker=True, arm=arm).unwrapped)


@pytest.mark.parametrize(("arm", "joints", "dimensions"), [("two_link", 2, 2), ("three_link", 3, 2), ("kuka", 7, 3)])
def test_the_spaces_are_the_arms(arm, joints, dimensions):
    task = make_task("reach", {"arm": arm})
    assert task.observation_space.shape == (2 * joints + dimensions,)
    assert task.action_space.shape == (joints,) and np.all(task.action_space.high == task.model.torque)
    observation, info = TaskEnv(task).reset(seed=0)
    expected = [info["readings"][name] for name in ("position", "velocity", "target")]
    assert observation.tolist() == np.concatenate(expected).tolist()
    assert observation[:joints].tolist() == task.model.start.tolist() and not observation[joints : 2 * joints].any()


# Rows and seeds.


@pytest.mark.parametrize("settings", [{}, {"arm": "three_link"}, NOISY], ids=["plain", "three_link", "noisy"])
def test_a_row_of_many_replays_the_single_environments_episodes(settings):
    rows, steps, seed, ends = 3, 70, 40, 0
    many = gymnasium.make_vec(NAME, num_envs=rows, vectorization_mode="vector_entry_point", **settings, **SHORT)
    joints = many.single_action_space.shape[0]
    trace = [many.reset(seed=seed)[0].copy()]
    for step in range(steps):
        actions = np.array([push(seed, row, step, joints) for row in range(rows)])
        trace.append([np.copy(values) for values in many.step(actions)[:4]])
    for row in range(rows):
        env = make_env("reach", **settings, **SHORT)
        np.testing.assert_array_equal(trace[0][row], env.reset(seed=seed + row)[0])
        ended = False
        for step in range(steps):
            if ended:  # the step on which the row of many starts its next episode, its action ignored
                observation, reward, terminated, truncated, ends = env.reset()[0], 0.0, False, False, ends + 1
            else:
                observation, reward, terminated, truncated, _ = env.step(push(seed, row, step, joints))
            ended = terminated or truncated
            np.testing.assert_array_equal(trace[step + 1][0][row], observation)
            assert [values[row] for values in trace[step + 1][1:]] == [reward, terminated, truncated]
    assert ends >= rows  # there were following episodes to compare


def test_the_same_seed_gives_the_same_episode_and_another_another():
    one, again, other = (play(seed, **NOISY)[0] for seed in (3, 3, 4))
    assert one.rewards.tolist() == again.rewards.tolist() and one.scores == again.scores
    for name, values in one.readings.items():
        np.testing.assert_array_equal(values, again.readings[name])
    assert one.rewards.tolist() != other.rewards.tolist()


# Where an episode starts.


@pytest.mark.parametrize("arm", [*PLANAR, "kuka"])
def test_targets_are_drawn_from_those_on_the_circle(arm):
    task = make_task("reach", {"arm": arm, "targets": 4})
    model, world = task.model, task.make_world()
    starts = np.array([task.start(np.random.default_rng(seed)) for seed in range(60)])
    drawn = np.unique(starts[:, model.joints :].round(9), axis=0)
    assert len(drawn) == 4 and np.all(starts[:, : model.joints] == model.start)
    np.testing.assert_allclose(np.linalg.norm(drawn - model.centre, axis=1), model.radius, atol=1e-8)
    np.testing.assert_allclose(drawn.mean(axis=0), model.centre, atol=1e-8)
    assert {world.why_not(start) for start in starts[:8]} == {None}


def test_a_start_and_a_target_of_ones_own():
    task = make_task("reach", {"start": [0.3, 1.0], "target": [0.2, 0.3]})
    assert task.start(np.random.default_rng(0)).tolist() == [0.3, 1.0, 0.2, 0.3]
    _, info = TaskEnv(task).reset(seed=0)
    assert info["readings"]["true_position"].tolist() == [0.3, 1.0] and info["readings"]["target"].tolist() == [
        0.2,
        0.3,
    ]


# Cost, scores and endings, worked out again.


def worked_out(episode, model):
    """The rewards of the steps and the scores of an episode, from its readings and actions."""
    readings, torques = episode.readings, np.clip(episode.actions, -model.torque, model.torque)
    hands = np.array([model.hand(q) for q in readings["true_position"]])
    goals = readings["target"][:-1]  # a step is judged by the target that was shown before it
    miss = np.linalg.norm(hands[1:] - goals, axis=1)
    rewards = -DT * (torques**2).sum(axis=1) - DT * 1e4 * miss**2
    changes = np.flatnonzero(np.any(goals[1:] != goals[:-1], axis=1)) + 1  # the readings on which a leg was over
    ends = [*changes, len(goals)]
    begins = [0, *changes]
    h, q, v = 1e-6, readings["true_position"], readings["true_velocity"]
    speeds = [np.linalg.norm(model.hand(q[k] + h * v[k]) - model.hand(q[k] - h * v[k])) / (2 * h) for k in ends]
    beelines = [np.linalg.norm(hands[e] - hands[b]) for b, e in zip(begins, ends, strict=True)]
    ways = [np.linalg.norm(np.diff(hands[b : e + 1], axis=0), axis=1).sum() for b, e in zip(begins, ends, strict=True)]
    assert len(ends) == 2
    return rewards, {
        "hand_error": max(miss[k - 1] for k in ends),
        "hand_speed": max(speeds),
        "time_to_target": DT * len(goals) / 2,
        "straightness": np.mean(np.array(beelines) / ways),
        "effort": DT * (torques**2).sum(),
    }


CASES = [{"arm": arm} for arm in (*PLANAR, "kuka")] + [NOISY, {"arm": "kuka", "hold": 0.05}, {"leg_time": 0.4}]


@pytest.mark.parametrize("settings", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_rewards_and_scores_are_those_of_the_readings(settings):
    episode, task = play(seed=2, **settings)
    rewards, scores = worked_out(episode, task.model)
    np.testing.assert_allclose(episode.rewards, rewards, rtol=1e-9)
    assert episode.scores == pytest.approx(scores, rel=1e-6)
    assert json.dumps(episode.scores)


def within(task, torque):
    return np.clip(torque, -task.model.torque, task.model.torque)


@pytest.mark.parametrize("settings", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_another_judge_gives_the_same_from_the_readings_alone(settings):
    # As over ROS, where the node that judges neither observes nor commands, and has no world.
    episode, _ = play(seed=2, **settings)
    judge = Reach(ReachSettings(**settings))
    rewards = []
    for step in range(episode.steps + 1):
        readings = {name: values[step][None] for name, values in episode.readings.items()}
        judgement = judge.judge(readings, np.array([step == 0]))
        if step:
            assert (judge.action(judge.applied(readings))[0] == within(judge, episode.actions[step - 1])).all()
        assert judgement.ended[0] == (step == episode.steps)
        rewards.append(judgement.reward[0])
    assert rewards == [0.0, *episode.rewards]
    assert judge.outcome(0) == episode.outcome and judge.scores(0) == episode.scores


def test_a_torque_beyond_the_limits_costs_what_the_limits_do():
    env = make_env("reach")
    rewards = []
    for torque in (50.0, 1e6):
        env.reset(seed=0)
        rewards.append(env.step(np.full(2, torque))[1])
    assert rewards[0] == rewards[1] < -DT * 2 * 50**2


def last_step(env, seed, policy):
    """An episode's number of steps and what its last one gave."""
    observation, _ = env.reset(seed=seed)
    for step in range(10_000):
        observation, reward, terminated, truncated, info = env.step(policy(observation))
        if terminated or truncated:
            return step + 1, reward, terminated, truncated, info


def test_an_arm_that_goes_there_and_back_has_reached():
    env = make_env("reach")
    controller = OSC(env.observation_space, env.action_space, model=env.task.model)
    _, _, terminated, truncated, info = last_step(env, 0, controller.act)
    assert info["outcome"] == "reached" and terminated and not truncated
    assert info["scores"]["hand_error"] < env.task.model.there


def test_an_arm_that_does_not_move_misses():
    # On two links it begins near the middle of the circle, so that the way back is over at once.
    for arm, steps in (("two_link", 10 + 1), ("three_link", 10 + 10)):
        env = make_env("reach", arm=arm, leg_time=0.1)
        joints = env.action_space.shape[0]
        taken, _, terminated, truncated, info = last_step(env, 0, lambda seen, joints=joints: np.zeros(joints))
        assert (taken, info["outcome"], terminated, truncated) == (steps, "missed", False, True)
        assert info["scores"]["time_to_target"] == pytest.approx(steps * DT / 2)
        assert info["scores"]["effort"] == info["scores"]["hand_speed"] == info["scores"]["straightness"] == 0.0
        assert info["scores"]["hand_error"] > 0.05


def test_the_hand_is_shown_the_middle_on_the_way_back():
    episode, task = play()
    shown = np.unique(episode.readings["target"], axis=0)
    assert len(shown) == 2 and task.model.centre.tolist() in shown.tolist()
    assert episode.readings["target"][-1].tolist() == task.model.centre.tolist()


def test_a_hold_takes_longer_by_just_that_where_the_hand_stays():
    one, held = (play(hold=hold)[0] for hold in (0.0, 0.1))
    first = [np.flatnonzero(np.any(np.diff(e.readings["target"], axis=0), axis=1))[0] for e in (one, held)]
    assert first[1] - first[0] == 10


def test_what_was_sensed_lags_by_the_delay():
    episode, _ = play(delay=0.03)
    np.testing.assert_array_equal(episode.readings["position"][3:], episode.readings["true_position"][:-3])


def test_a_force_field_bends_the_way():
    plain, bent = (play(force_field=scale)[0] for scale in (0.0, 1.0))
    assert bent.scores["straightness"] < plain.scores["straightness"] - 0.003


# States.


@pytest.mark.parametrize("settings", [{}, NOISY, {"arm": "kuka"}], ids=["plain", "noisy", "kuka"])
def test_continues_exactly_from_a_state(settings):
    env = make_env("reach", **settings, **SHORT)
    env.reset(seed=5)
    joints = env.action_space.shape[0]

    def onward(env):
        trace = []
        for step in range(50):  # long enough to end an episode, whose successor counts too
            observation, reward, terminated, truncated, info = env.step(0.1 * push(5, 0, step, joints))
            trace.append((observation.tolist(), reward, terminated, truncated, info["episode_seed"]))
            if terminated or truncated:
                trace.append((info["outcome"], info["scores"], env.reset()[0].tolist()))
        return trace

    for step in range(4):
        env.step(push(5, 1, step, joints))
    state = pickle.loads(pickle.dumps(env.get_state()))
    expected = onward(env)
    assert len(expected) > 50
    other = make_env("reach", **settings, **SHORT)
    other.set_state(state)
    assert onward(other) == expected
    env.set_state(state)
    assert onward(env) == expected


# What it refuses.


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"start": [0.1, 0.2, 0.3]}, ("start", "3 numbers", "2 joints")),
        ({"arm": "kuka", "start": [0.1, 0.2]}, ("start", "2 numbers", "7 joints")),
        ({"target": [0.1, 0.2, 0.3]}, ("target", "3 numbers", "2 coordinates")),
        ({"arm": "kuka", "target": [0.1, 0.2]}, ("target", "2 numbers", "3 coordinates")),
        ({"target": [0.1, "here"]}, ("target", "number")),
        ({"target": [0.5, 0.5]}, ("target", "[0.5, 0.5]", "out of the arm's reach")),
        ({"target": [0.0, 0.01]}, ("target", "[0.0, 0.01]", "out of the arm's reach")),
        ({"arm": "kuka", "target": [2.0, 0.0, 0.0]}, ("target", "out of the arm's reach")),
        ({"target": [0.1, float("nan")]}, ("target", "finite")),
        ({"dt": 0}, ("dt", "above 0")),
        ({"dt": -0.01}, ("dt", "above 0")),
        ({"dt": float("inf")}, ("dt", "finite")),
        ({"leg_time": 0.001}, ("leg_time", "one dt or more")),
        ({"targets": 0}, ("targets", "above 0")),
        ({"targets": 2.5}, ("targets", "whole number")),
        ({"delay": -0.01}, ("delay", "0 or more")),
        ({"hold": -1}, ("hold", "0 or more")),
        ({"motor_noise": -1}, ("motor_noise", "0 or more")),
        ({"position_noise": -1}, ("position_noise", "0 or more")),
        ({"velocity_noise": -1}, ("velocity_noise", "0 or more")),
        ({"arm": "two_links"}, ("arm", "did you mean 'two_link'")),
        ({"arm": "kuka", "integrator": "explicit"}, ("integrator", "semi_implicit")),
        ({"integrator": "euler"}, ("integrator", "not a choice")),
        ({"aim": 3}, ("aim", "unknown key")),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_told_in_one_line(settings, told):
    with pytest.raises(BadInput) as caught:
        make_task("reach", settings)
    message = str(caught.value)
    assert all(text in message for text in told) and "\n" not in message


@pytest.mark.parametrize(("shape", "numbers"), [((3,), 3), ((1,), 1), ((), 1)])
def test_an_action_of_another_size_is_told_in_one_line(shape, numbers):
    env = make_env("reach")
    env.reset(seed=0)
    with pytest.raises(BadInput, match=f"a torque of {numbers} numbers: arm two_link has 2 joints"):
        env.step(np.zeros(shape))


def test_a_torque_that_is_not_finite_is_refused():
    env = make_env("reach")
    env.reset(seed=0)
    with pytest.raises(BadInput, match="not finite"):
        env.step(np.array([np.nan, 0.0]))
