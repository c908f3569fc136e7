"""The balance task: its rewards, ends and scores by hand, what is seen, and its episodes from their seeds."""

import json
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import control_bench  # noqa: F401  (registers the environments)
from control_bench.env import TaskEnv
from control_bench.errors import BadInput
from control_bench.registry import make_env, make_task, make_vector_env
from control_bench.tasks.balance import Balance, BalanceSettings
from control_bench.tasks.pole import PUSHES
from control_bench.tasks.pole_rules import LEAN

NAME = "control_bench/Balance-v0"
FIDELITIES = ["default", "article"]
CONTINUOUS, SMALL = {"actions": "continuous"}, {"observation": "pixels", "size": 16}
CASES = [{}, CONTINUOUS, {"fidelity": "article"}, SMALL | {"cameras": 2}, {"reward": "effort", "repeats": 3}]
BEGINS, GOES_ON = np.array([True]), np.array([False])


def ids(settings):
    return "-".join(str(value) for value in settings.values()) or "plain"


def readings(roll=0.0, pitch=0.0, x=0.0, y=0.0, yaw=0.0, force=(0.0, 0.0), repeats=2):
    """Those of one row whose last moment is this, and whose moments before are far out and fallen."""
    poses = np.zeros((1, repeats, 2, 7))
    poses[..., :3], poses[..., 6] = 9.0, 1.0
    poses[0, -1, 0] = (7.0, 7.0, 0.075, 0.0, 0.0, 0.0, 1.0)  # where the cart is does not count
    poses[0, -1, 1] = (x, y, 0.35, *Rotation.from_euler("xyz", (roll, pitch, yaw)).as_quat())
    return {"poses": poses, "force": np.array([force], dtype=float)}


def judged(*steps, **settings):
    """The task, and its judgements of steps, each the readings' arguments, after an episode's beginning."""
    task = Balance(BalanceSettings(**settings))
    task.judge(readings(), BEGINS)
    return task, [task.judge(readings(**step), GOES_ON) for step in steps]


def push(space, *place):
    """A random action that depends on nothing but these."""
    rng = np.random.default_rng(place)
    return int(rng.integers(5)) if isinstance(space, spaces.Discrete) else rng.uniform(-1, 1, 2).astype(np.float32)


def steps_of(env, seed, action=0):
    """The length of the seed's episode by one action, and its last info."""
    env.reset(seed=seed)
    for step in range(10_000):
        *_, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return step + 1, info


# Gymnasium's own rules.


@pytest.mark.parametrize("actions", ["discrete", "continuous"])
@pytest.mark.parametrize("observation", ["poses", "pixels"])
def test_passes_gymnasiums_check(observation, actions):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*infinity")  # a hint to those who make environments: poses have no bounds
        env = gymnasium.make(NAME, disable_env_checker=True, observation=observation, actions=actions)
        check_env(env.unwrapped, skip_render_check=True)


def test_the_spaces_are_the_settings():
    assert Balance().observation_space.shape == (2, 2, 7) and Balance().action_space == spaces.Discrete(5)
    task = Balance(BalanceSettings(observation="pixels", actions="continuous", cameras=2, repeats=3, size=40))
    assert task.observation_space == spaces.Box(0, 255, (40, 40, 18), np.uint8)
    assert task.action_space == spaces.Box(-1.0, 1.0, (2,), np.float32)


@pytest.mark.parametrize(("repeats", "steps"), [(2, 5), (3, 4), (1, 12)])
def test_a_step_takes_its_physics_steps(repeats, steps):
    assert Balance(BalanceSettings(repeats=repeats, steps_per_repeat=steps)).step_duration == repeats * steps / 240


# Rows and seeds.


@pytest.mark.parametrize("settings", CASES, ids=ids)
def test_a_row_of_many_replays_the_single_environments_episodes(settings):
    rows, steps, seed, ends = 3, 20, 40, 0
    many = make_vector_env("balance", rows, **settings)
    trace = [many.reset(seed=seed)[0].copy()]
    for step in range(steps):
        actions = np.array([push(many.single_action_space, seed, row, step) for row in range(rows)])
        trace.append([np.copy(values) for values in many.step(actions)[:4]])
    for row in range(rows):
        env = make_env("balance", **settings)
        np.testing.assert_array_equal(trace[0][row], env.reset(seed=seed + row)[0])
        ended = False
        for step in range(steps):
            if ended:  # the step on which the row of many starts its next episode, its action ignored
                observation, reward, terminated, truncated, ends = env.reset()[0], 0.0, False, False, ends + 1
            else:
                observation, reward, terminated, truncated, _ = env.step(push(env.action_space, seed, row, step))
            ended = terminated or truncated
            np.testing.assert_array_equal(trace[step + 1][0][row], observation)
            assert [values[row] for values in trace[step + 1][1:]] == [reward, terminated, truncated]
    assert ends >= rows  # there were following episodes to compare


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_the_same_seed_gives_the_same_episode_and_another_another(fidelity):
    env = make_env("balance", fidelity=fidelity)

    def episode(seed):
        trace = [env.reset(seed=seed)[0].tolist()]
        return trace + [env.step(push(env.action_space, 0, step))[0].tolist() for step in range(5)]

    first, other, again = episode(3), episode(4), episode(3)
    assert first == again and first != other


# Where an episode starts.


def test_the_push_has_any_angle_evenly():
    task = Balance()
    angles = np.array([task.start(np.random.default_rng(seed))[0] for seed in range(4000)])
    assert 0.0 <= angles.min() and angles.max() < 2 * np.pi
    np.testing.assert_allclose(np.histogram(angles, 8, (0, 2 * np.pi))[0] / 500, 1.0, atol=0.15)
    assert task.start(np.random.default_rng(7)) == angles[7]


def test_the_push_may_have_an_angle_of_ones_own():
    task = Balance(BalanceSettings(push_angle=0.5))
    assert {task.start(np.random.default_rng(seed)).item() for seed in range(5)} == {0.5}
    env = make_env("balance", push_angle=np.pi / 2)
    (x, y, _), (top_x, top_y, _) = env.reset(seed=0)[0][-1, :, :3]
    assert y == pytest.approx(0.058, abs=0.003) and abs(x) < 0.002  # the cart is under way, and the pole stays behind
    assert abs(top_x) < 0.01 and top_y < 0.03


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_whoever_does_nothing_falls_after_a_few_steps(fidelity):
    env = make_env("balance", fidelity=fidelity)
    lengths, infos = zip(*(steps_of(env, seed) for seed in range(25)), strict=True)
    assert 5 <= min(lengths) and max(lengths) <= 12 and len(set(lengths)) > 3
    assert {info["outcome"] for info in infos} == {"fallen"}


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_without_a_push_whoever_does_nothing_balances(fidelity):
    length, info = steps_of(make_env("balance", fidelity=fidelity, push=0.0), 0)
    assert (length, info["outcome"]) == (200, "balanced")


# What is seen.


def test_poses_are_seen_as_they_are_read():
    task = Balance(BalanceSettings(repeats=3), rows=2)
    poses = np.random.default_rng(0).normal(size=(2, 3, 2, 7))
    assert task.observe({"poses": poses}, np.zeros(2, bool)).tolist() == poses.tolist()


def test_pixels_hold_repeats_of_cameras_of_colours():
    task = Balance(BalanceSettings(observation="pixels", cameras=2, repeats=3, size=8), rows=2)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 2, 8, 8, 3), np.uint8)
    seen = task.observe({"images": images}, np.zeros(2, bool))
    assert task.observation_space.contains(seen[0]) and seen.shape == (2, 8, 8, 18)
    for repeat, camera, colour in np.ndindex(3, 2, 3):
        np.testing.assert_array_equal(
            seen[..., 6 * repeat + 3 * camera + colour], images[:, repeat, camera, ..., colour]
        )


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_pixels_are_pictures_of_the_poses(fidelity):
    settings = {"fidelity": fidelity, "cameras": 2}
    env, blind = (make_env("balance", observation=seen, **settings) for seen in ("pixels", "poses"))
    (picture, _), (poses, _), renderer = env.reset(seed=1), blind.reset(seed=1), env.task.make_renderer()
    for action in (1, 4, 2):
        drawn = np.zeros((2, *renderer.shape), np.uint8)
        for repeat in range(2):
            renderer.draw(poses[repeat], drawn[repeat])
        np.testing.assert_array_equal(picture.reshape(50, 50, 2, 2, 3), drawn.transpose(2, 3, 0, 1, 4))
        picture, poses = env.step(action)[0], blind.step(action)[0]


def test_the_articles_cameras_cut_the_pole_off():
    green = []
    for fidelity in FIDELITIES:
        picture = make_env("balance", observation="pixels", fidelity=fidelity, push=0.0).reset(seed=0)[0].astype(int)
        green.append((picture[..., 1] > picture[..., 0] + 50).sum())
    assert green[0] > 15 and green[1] == 0


# What an action means.


def test_discrete_actions_are_none_and_both_ways_along_x_and_y():
    forces = Balance().command(np.arange(5))
    assert forces.tolist() == [[0, 0], [50, 0], [-50, 0], [0, 50], [0, -50]]


def test_a_push_to_one_side_moves_the_cart_there():
    for action, way in enumerate(PUSHES):
        env = make_env("balance", push=0.0)
        before = env.reset(seed=0)[0][-1, 0, :2]
        np.testing.assert_allclose(env.step(action)[0][-1, 0, :2] - before, 0.0053 * way, atol=0.001)


SHARE = st.floats(-1.0, 1.0, width=32)


@hypothesis_settings(deadline=None)
@given(shares=st.tuples(SHARE, SHARE), force=st.floats(0.1, 1e4))
def test_the_command_of_an_action_is_the_action_again(shares, force):
    task = Balance(BalanceSettings(actions="continuous", force=force))
    action = np.array([shares], np.float32)
    command = task.command(action)
    np.testing.assert_allclose(command, force * action.astype(float))
    assert task.action(command).dtype == np.float32 and task.action(command).tolist() == action.tolist()
    discrete = Balance(BalanceSettings(force=force))
    assert discrete.action(discrete.command(np.arange(5))).tolist() == [0, 1, 2, 3, 4]


@hypothesis_settings(deadline=None)
@given(shares=st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)))
def test_shares_beyond_1_are_1(shares):
    task = Balance(BalanceSettings(actions="continuous"))
    assert task.command(np.array([shares])).tolist() == [(50 * np.clip(shares, -1, 1)).tolist()]


def test_what_was_applied_is_what_was_commanded():
    env = make_env("balance", actions="continuous", force=80.0)
    env.reset(seed=0)
    _, _, _, _, info = env.step(np.array([0.25, -3.0], np.float32))
    assert info["readings"]["force"].tolist() == [20.0, -80.0]
    applied = env.task.applied({"force": np.array([[20.0, -80.0]])})
    assert env.task.action(applied).tolist() == [[0.25, -1.0]]


# Rewards.


FORCE = (30.0, -40.0)  # of 50: shares of 0.6 and -0.8, 1 long
BY_HAND = {"fixed": 1.0, "angle": 1.45, "action": 0.5, "angle_action": 0.95, "effort": 2.2}
FAILING = {"fixed": 1.0, "angle": 1.15, "action": 0.5, "angle_action": 0.65, "effort": 0.0}


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("reward", BY_HAND)
def test_a_step_earns_by_its_reward(reward, fidelity):
    step = dict(roll=0.1, pitch=-0.05, yaw=1.0, force=FORCE)
    _, (judgement,) = judged(step, reward=reward, fidelity=fidelity)
    assert judgement.reward[0] == pytest.approx(BY_HAND[reward]) and not judgement.ended[0]


@pytest.mark.parametrize("reward", FAILING)
def test_a_step_that_fails_earns_nothing_but_with_the_articles_fault(reward):
    step = dict(roll=0.35, pitch=-0.1, force=FORCE)
    for fidelity in FIDELITIES:
        _, (judgement,) = judged(step, reward=reward, fidelity=fidelity)
        expected = FAILING[reward] if fidelity == "article" else 0.0
        assert judgement.reward[0] == pytest.approx(expected) and judgement.terminated[0]


def test_no_lean_earns_less_than_nothing():
    _, (judgement,) = judged(dict(roll=0.5, pitch=0.5), reward="angle", fidelity="article")
    assert judgement.reward[0] == 1.0


@pytest.mark.parametrize(
    ("force", "reward"), [((0, 0), 5.0), ((50, 0), 3.0), ((0, -25), 4.0), ((-50, 50), 1.0), ((25, 25), 3.0)]
)
def test_the_less_effort_the_more_it_earns_from_1_to_5(force, reward):
    _, (judgement,) = judged(dict(force=force), reward="effort")
    assert judgement.reward[0] == pytest.approx(reward)


def test_the_last_step_of_a_balanced_episode_earns_as_any():
    _, judgements = judged({}, {}, longest=2)
    assert [judgement.reward[0] for judgement in judgements] == [1.0, 1.0]


def test_a_beginning_earns_nothing_and_ends_nothing():
    task = Balance()
    judgement = task.judge(readings(roll=1.0, x=5.0), BEGINS)
    assert judgement.reward[0] == 0.0 and not judgement.ended[0] and task.outcome(0) == ""
    assert task.scores(0) == {"length": 0.0, "lean": 0.0, "distance": 0.0}


# Ends.


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("where", "limit", "outcome"),
    [
        ("x", Balance.field, "out of bounds"),
        ("y", Balance.field, "out of bounds"),
        ("roll", LEAN, "fallen"),
        ("pitch", LEAN, "fallen"),
    ],
)
def test_an_episode_ends_beyond_its_limits_and_not_on_them(where, limit, outcome, sign):
    task, judgements = judged({where: sign * (limit - 1e-9)}, {where: sign * (limit + 1e-9)})
    assert [judgement.terminated[0] for judgement in judgements] == [False, True]
    assert not any(judgement.truncated[0] for judgement in judgements)
    assert task.outcome(0) == outcome


def test_the_limits_are_the_articles():
    assert (Balance.field, LEAN) == (2.0, 0.3)


def test_a_pole_that_leaves_while_it_falls_is_out_of_bounds():
    assert judged(dict(x=2.1, roll=0.4))[0].outcome(0) == "out of bounds"


def test_an_episode_of_the_longest_is_balanced():
    task, judgements = judged({}, {}, {}, longest=3)
    assert [judgement.truncated[0] for judgement in judgements] == [False, False, True]
    assert not any(judgement.terminated[0] for judgement in judgements) and task.outcome(0) == "balanced"


def test_a_pole_that_falls_on_the_last_step_has_fallen():
    task, (_, last) = judged({}, dict(pitch=0.4), longest=2)
    assert last.terminated[0] and not last.truncated[0] and task.outcome(0) == "fallen"


def test_a_new_episode_begins_from_0():
    task, _ = judged({}, dict(x=1.9, pitch=0.29), longest=3)
    task.judge(readings(), BEGINS)
    assert not task.judge(readings(), GOES_ON).ended[0]
    assert task.outcome(0) == "" and task.scores(0) == {"length": 1.0, "lean": 0.0, "distance": 0.0}


def test_rows_are_judged_apart():
    task, (one, other) = Balance(rows=2), (readings(roll=0.4), readings(force=(50, 0)))
    both = {name: np.concatenate([one[name], other[name]]) for name in one}
    task.judge(both, np.array([True, True]))
    judgement = task.judge(both, np.array([False, False]))
    assert judgement.terminated.tolist() == [True, False] and judgement.reward.tolist() == [0.0, 1.0]
    assert [task.outcome(row) for row in range(2)] == ["fallen", ""]


def test_an_episode_can_leave_the_field():
    class Narrow(Balance):
        field = 0.03

    length, info = steps_of(TaskEnv(Narrow(BalanceSettings(push_angle=0.0))), 0)
    assert info["outcome"] == "out of bounds" and 0.03 < info["scores"]["distance"] < 0.2 and length < 10


# Scores.


def test_scores_are_the_largest_of_the_episode():
    task, _ = judged(dict(x=-1.5, roll=0.1), dict(y=0.7, pitch=-0.25), dict(x=0.2))
    assert task.scores(0) == pytest.approx({"length": 3.0, "lean": 0.25, "distance": 1.5})
    assert json.dumps(task.scores(0)) and set(task.score_units) < set(task.scores(0))


def test_the_length_is_the_count_of_steps():
    length, info = steps_of(make_env("balance"), 0)
    assert info["scores"]["length"] == length and info["scores"]["lean"] > LEAN


@pytest.mark.parametrize("settings", CASES, ids=ids)
def test_another_judge_gives_the_same_from_the_recorded_readings_alone(settings):
    # As over ROS, where the node that judges neither observes nor commands, and has no world.
    env, judge = make_env("balance", **settings), make_task("balance", settings)
    _, info = env.reset(seed=2)
    first, ended, step = True, False, 0
    while not ended:
        if not first:
            action = push(env.action_space, 2, step)
            _, reward, terminated, truncated, info = env.step(action)
            ended, step = terminated or truncated, step + 1
        kept = {name: info["readings"][name][None] for name in judge.recorded}
        judgement = judge.judge(kept, np.array([first]))
        if not first:
            assert (judgement.reward[0], judgement.ended[0]) == (reward, ended)
            assert np.array_equal(judge.action(judge.applied(kept))[0], action)
        first = False
    assert judge.outcome(0) == info["outcome"] and judge.scores(0) == info["scores"]


# States.


@pytest.mark.parametrize("settings", CASES, ids=ids)
def test_continues_exactly_from_a_state(settings):
    env = make_env("balance", **settings)
    env.reset(seed=5)

    def onward(env):
        trace = []
        for step in range(12):  # long enough to end an episode, whose successor counts too
            observation, reward, terminated, truncated, info = env.step(push(env.action_space, 5, step))
            trace.append((observation.tolist(), reward, terminated, truncated, info["episode_seed"]))
            if terminated or truncated:
                trace.append((info["outcome"], info["scores"], env.reset()[0].tolist()))
        return trace

    for step in range(2):
        env.step(push(env.action_space, 6, step))
    state = pickle.loads(pickle.dumps(env.get_state()))
    expected = onward(env)
    assert len(expected) > 12
    other = make_env("balance", **settings)
    other.set_state(state)
    assert onward(other) == expected
    env.set_state(state)
    assert onward(env) == expected


# What it refuses.


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"fidelity": "articles"}, ("fidelity", "did you mean 'article'")),
        ({"observation": "pixel"}, ("observation", "did you mean 'pixels'")),
        ({"actions": "both"}, ("actions", "not a choice")),
        ({"reward": "angles"}, ("reward", "did you mean 'angle'")),
        ({"force": 0}, ("force", "above 0")),
        ({"force": -50}, ("force", "above 0")),
        ({"push": -1}, ("push", "0 or more")),
        ({"push_angle": float("nan")}, ("push_angle", "finite")),
        ({"push_angle": "north"}, ("push_angle", "number")),
        ({"repeats": 0}, ("repeats", "above 0")),
        ({"steps_per_repeat": 0}, ("steps_per_repeat", "above 0")),
        ({"longest": 0}, ("longest", "above 0")),
        ({"longest": 1.5}, ("longest", "whole number")),
        ({"cameras": 0}, ("cameras", "1 or 2")),
        ({"cameras": 3}, ("cameras", "1 or 2")),
        ({"size": 7}, ("size", "8 to 1024")),
        ({"size": 1025}, ("size", "8 to 1024")),
        ({"pushes": 3}, ("pushes", "unknown key", "did you mean 'push'")),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_told_in_one_line(settings, told):
    with pytest.raises(BadInput) as caught:
        make_task("balance", settings)
    message = str(caught.value)
    assert all(text in message for text in told) and "\n" not in message


@pytest.mark.parametrize("action", [[0.1], [0.1, 0.2, 0.3], 0.1, [np.nan, 0.0], [0.0, np.inf]], ids=str)
def test_an_action_that_is_not_two_finite_shares_is_told_in_one_line(action):
    env = make_env("balance", actions="continuous")
    env.reset(seed=0)
    with pytest.raises(BadInput, match="two finite numbers from -1 to 1") as caught:
        env.step(np.array(action))
    assert "\n" not in str(caught.value)


def test_the_task_says_what_its_channels_tell_of():
    # Six readings: three steps of two. Of an episode's first step all are the newest one, which comes last.
    env = make_env("balance", observation="pixels", size=12, cameras=2, history=3)
    task, each = env.task, 3 * 2
    assert (task.moments, task.stacked) == (6, 3)
    before, _ = env.reset(seed=1)
    for moment in range(5):
        np.testing.assert_array_equal(before[..., moment * each :][..., :each], before[..., -each:])
    for _ in range(4):
        here = env.step(1)[0]
        np.testing.assert_array_equal(here[..., : -2 * each], before[..., 2 * each :])
        assert (here[..., -2 * each : -each] != here[..., -each:]).any()  # two readings of one step
        before = here


def test_poses_of_several_steps_are_not_side_by_side():
    task = make_env("balance", history=3).task
    assert (task.moments, task.stacked) == (1, 1)
