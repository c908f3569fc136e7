"""grasp and bin: rewards, ends and scores by hand, episodes from their seeds, and what is refused."""

import json
import math
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.transform import Rotation

import control_bench  # noqa: F401  (registers the environments)
from control_bench.env import TaskEnv
from control_bench.errors import BadInput
from control_bench.grasping.command import NO_GRASP
from control_bench.grasping.objects import load_object
from control_bench.plan import make_plan
from control_bench.registry import make_env, make_task, make_vector_env
from control_bench.tasks.bin import Bin, BinSettings
from control_bench.tasks.grasp import REACH, Grasp, GraspSettings
from control_bench.worlds.hands import HANDS

SMALL = {"objects": "lego", "height": 64, "width": 64, "focal": 70.0}
CLOSED = {"closed_loop": True, "shift_least": 0.02, "shift_most": 0.05}
CASES = [("grasp", {}), ("grasp", CLOSED), ("bin", {"count": 5})]
BEGINS, GOES_ON = np.array([True]), np.array([False])


def ids(value):
    return value if isinstance(value, str) else "closed" if "closed_loop" in value else "open"


def action_of(*place):
    """A random grasp near the table's middle, and now and then none, by nothing but these."""
    rng = np.random.default_rng(place)
    low, high = [-0.1, -0.1, 0.01, -1.5, -0.2], [0.1, 0.1, 0.03, 1.5, 1.0]
    return rng.uniform(low, high).astype(np.float32)


def reading(finished=False, held=False, left=1, quality=-1.0):
    """Those of one row that are judged; a quality below 0 is no grasp's."""
    return {
        "finished": np.array([finished]), "held": np.array([held]), "left": np.array([left]),
        "command": np.full((1, 5), quality), "phase": np.zeros(1, int),
    }  # fmt: skip


def judged(task, *steps):
    """Its judgements of steps, each the readings' arguments, after an episode's beginning."""
    beginning = task.judge(reading(), BEGINS)
    assert not beginning.ended[0] and beginning.reward[0] == 0.0
    return [task.judge(reading(**step), GOES_ON) for step in steps]


# Gymnasium's own rules.


@pytest.mark.parametrize("name, settings", [("Grasp", {}), ("Grasp", CLOSED), ("Bin", {"count": 5})], ids=ids)
def test_passes_gymnasiums_check(name, settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for hint in (".*infinity", ".*symmetric and normalized"):  # depths have no bound, and grasps are in metres
            warnings.filterwarnings("ignore", hint)
        env = gymnasium.make(f"control_bench/{name}-v0", disable_env_checker=True, **SMALL, **settings)
        check_env(env.unwrapped, skip_render_check=True)


def test_the_spaces_are_the_settings():
    task = Grasp(GraspSettings(height=70, width=90))
    assert task.observation_space.shape == (70, 90) and task.action_space.shape == (5,)
    assert task.action_space.contains(NO_GRASP.astype(np.float32)) and task.action_space.high[0] == REACH
    assert (task.step_duration, make_task("grasp", CLOSED).step_duration) == (8.0, 0.2)
    assert (task.gripper.name, make_task("grasp", {"hand": "panda"}).gripper.name) == ("wsg50", "panda")
    i = task.camera.intrinsics
    assert (i.fx, i.cx, i.cy) == (525.0, 44.5, 34.5) and np.linalg.norm(task.camera.view.eye) == pytest.approx(0.7)
    assert (Grasp.lineage(), Bin.lineage()) == (["grasp"], ["bin", "grasp"])


# Rows and seeds.


@pytest.mark.parametrize("name, settings", CASES, ids=ids)
def test_a_row_of_many_replays_the_single_environments_episodes(name, settings):
    rows, steps, seed, ends = 2, 6, 40, 0
    many = make_vector_env(name, rows, **SMALL, **settings)
    trace = [many.reset(seed=seed)[0].copy()]
    for step in range(steps):
        actions = np.array([action_of(seed, row, step) for row in range(rows)])
        trace.append([np.copy(values) for values in many.step(actions)[:4]])
    for row in range(rows):
        env = make_env(name, **SMALL, **settings)
        np.testing.assert_array_equal(trace[0][row], env.reset(seed=seed + row)[0])
        ended = False
        for step in range(steps):
            if ended:  # the step on which the row of many starts its next episode, its action ignored
                observation, reward, terminated, truncated, ends = env.reset()[0], 0.0, False, False, ends + 1
            else:
                observation, reward, terminated, truncated, _ = env.step(action_of(seed, row, step))
            ended = terminated or truncated
            np.testing.assert_array_equal(trace[step + 1][0][row], observation)
            assert [values[row] for values in trace[step + 1][1:]] == [reward, terminated, truncated]
    assert ends or "closed_loop" in settings  # there were following episodes to compare


@pytest.mark.parametrize("name, settings", CASES, ids=ids)
def test_continues_exactly_from_a_state(name, settings):
    env = make_env(name, **SMALL, **settings)
    env.reset(seed=5)

    def onward(env):
        trace = []
        for step in range(5):
            observation, reward, terminated, truncated, info = env.step(action_of(5, step))
            trace.append((observation.tolist(), reward, terminated, truncated, info["episode_seed"]))
            if terminated or truncated:
                trace.append((info["outcome"], info["scores"], env.reset()[0].tolist()))
        return trace

    env.step(action_of(6, 0))
    state = pickle.loads(pickle.dumps(env.get_state()))
    expected = onward(env)
    other = make_env(name, **SMALL, **settings)
    other.reset(seed=77)
    other.set_state(state)
    assert onward(other) == expected


@pytest.mark.parametrize("name, settings", CASES, ids=ids)
def test_another_judge_gives_the_same_from_the_recorded_readings_alone(name, settings):
    # As over ROS, where the node that judges neither observes nor commands, and has no world.
    env, judge = make_env(name, **SMALL, **settings), make_task(name, {**SMALL, **settings})
    _, info = env.reset(seed=2)
    first, ended, step = True, False, 0
    while not ended:
        if not first:
            action = action_of(2, step // 10)
            _, reward, terminated, truncated, info = env.step(action)
            ended, step = terminated or truncated, step + 1
        kept = {name: np.asarray(info["readings"][name])[None] for name in judge.recorded}
        judgement = judge.judge(kept, np.array([first]))
        if not first:
            assert (judgement.reward[0], judgement.ended[0]) == (reward, ended)
            told = judge.action(judge.applied(kept))[0]
            np.testing.assert_array_equal(told, action if action[4] >= 0.0 else NO_GRASP)
        first = False
    assert judge.outcome(0) == info["outcome"] and judge.scores(0) == info["scores"]


def test_closed_loop_episodes_are_as_long_as_the_grasp_and_no_longer_than_8_s():
    env = make_env("grasp", **SMALL, **CLOSED)
    for action, steps in ((NO_GRASP, [40]), (np.array([0.0, 0.0, 0.02, 0.0, 0.3], np.float32), range(15, 40))):
        env.reset(seed=1)
        step, terminated, truncated = 0, False, False
        while not (terminated or truncated) and step < 60:
            _, reward, terminated, truncated, info = env.step(action)
            step += 1
        assert step in steps and truncated == (step == 40)
        assert info["outcome"] == ("no grasp" if action is NO_GRASP else "held" if reward else "dropped")


# Where an episode starts.


def test_starts_are_spread_evenly_over_places_turns_and_objects_and_over_stable_poses_as_probable_as_they_are():
    task = Grasp(GraspSettings(objects="jenga,lego", spread=0.08))
    starts = np.array([task.start(np.random.default_rng(seed)) for seed in range(3000)])
    assert stats.binomtest(int(starts[:, 0].sum()), 3000).pvalue > 1e-3
    for places in starts[:, 1:3].T:
        assert stats.kstest(places, "uniform", (-0.08, 0.16)).pvalue > 1e-3
    assert abs(stats.pearsonr(starts[:, 1], starts[:, 2])[0]) < 0.06
    jenga = starts[starts[:, 0] == 0]
    turned = Rotation.from_quat(jenga[:, 4:]).as_matrix()
    # A pose is told by how high the middle is; a turn by where the longest of the level edges points.
    poses = load_object("jenga").stable_poses
    heights = np.array([pose.height for pose in poses])
    expected = {h: sum(p.probability for p in poses if abs(p.height - h) < 1e-3) for h in np.unique(heights.round(3))}
    assert sum(expected.values()) == pytest.approx(1.0) and len(expected) == 3
    for height, chance in expected.items():
        share = (np.abs(jenga[:, 3] - height) < 1e-3).mean()
        assert share == pytest.approx(chance, abs=4.0 * math.sqrt(chance * (1 - chance) / len(jenga)) + 1e-9)
    flat = np.abs(jenga[:, 3] - 0.015) < 1e-3
    longest = turned[flat][:, :2, 0]
    np.testing.assert_allclose(np.linalg.norm(longest, axis=1), 1.0, atol=1e-3)
    angles = np.arctan2(longest[:, 1], longest[:, 0])
    assert stats.kstest(angles, "uniform", (-math.pi, 2.0 * math.pi)).pvalue > 1e-3


def test_a_start_lies_still_where_it_is_told():
    env = make_env("grasp", **SMALL | {"objects": "jenga"})
    for seed in range(5):
        start = env.task.start(np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[0]))
        there = env.reset(seed=seed)[1]["readings"]["objects"][0]
        np.testing.assert_allclose(there[:4], start[:4], atol=2e-3)
        turn = Rotation.from_quat(there[4:]) * Rotation.from_quat(start[4:]).inv()
        assert turn.magnitude() < 0.03


def test_a_heap_has_every_object_once_where_there_are_enough_and_some_twice_where_not():
    task = Bin(BinSettings(count=6, spread=0.05))
    for seed in range(5):
        slots = task.start(np.random.default_rng(seed)).reshape(6, 8)
        assert len(set(slots[:, 0])) == 6 and np.abs(slots[:, 1:3]).max() <= 0.05
        np.testing.assert_allclose(np.linalg.norm(slots[:, 4:], axis=1), 1.0)
    few = Bin(BinSettings(count=5, objects="lego,jenga")).start(np.random.default_rng(0)).reshape(5, 8)
    assert set(few[:, 0]) <= {0, 1}


# What an action means.


@hypothesis_settings(deadline=None)
@given(
    numbers=st.tuples(
        *[st.floats(-REACH, REACH, width=32)] * 3, st.floats(-3.0, 3.0, width=32), st.floats(0.0, 1.0, width=32)
    )
)
def test_the_action_of_a_command_is_the_action_again(numbers):
    task, action = Grasp(GraspSettings(objects="lego")), np.array([numbers], np.float32)
    command = task.command(action)
    assert command.tolist() == action.astype(float).tolist()
    assert task.action(command).dtype == np.float32 and task.action(command).tolist() == action.tolist()


@pytest.mark.parametrize("quality", [-1.0, -1e-6])
def test_a_quality_below_0_is_no_command_whatever_the_grasp(quality):
    task = Grasp(GraspSettings(objects="lego"), rows=2)
    both = np.array([[0.1, 0.1, 0.02, 0.0, quality], [0.1, 0.1, 0.02, 0.0, 0.0]], np.float32)
    command = task.command(both)
    assert command[0].tolist() == NO_GRASP.tolist() and command[1].tolist() == both[1].astype(float).tolist()
    assert task.action(command).tolist() == [NO_GRASP.tolist(), both[1].tolist()]


@pytest.mark.parametrize("action", [[0, 0, 0.02, 0, np.nan], [np.inf, 0, 0, 0, 1], [0, 0, 0, 0], [0] * 6, 3.0], ids=str)
def test_an_action_that_is_none_is_refused_in_one_line(action):
    env = make_env("grasp", **SMALL)
    env.reset(seed=0)
    with pytest.raises(BadInput, match="should be five finite numbers") as error:
        env.step(np.array(action))
    assert "\n" not in str(error.value)


# Judgements of grasp.


def test_a_held_object_earns_1_and_a_dropped_one_nothing():
    for held, outcome in ((True, "held"), (False, "dropped")):
        task = Grasp(GraspSettings(objects="lego"))
        (judgement,) = judged(task, dict(finished=True, held=held, quality=0.8))
        assert (judgement.reward[0], judgement.terminated[0]) == (float(held), True)
        assert (task.outcome(0), task.scores(0)) == (outcome, {"quality": 0.8})


def test_who_sees_no_grasp_has_one_step_for_it():
    task = Grasp(GraspSettings(objects="lego"))
    (judgement,) = judged(task, {})
    assert (judgement.reward[0], judgement.terminated[0], judgement.truncated[0]) == (0.0, True, False)
    assert (task.outcome(0), task.scores(0)) == ("no grasp", {"quality": 0.0})


def test_in_a_closed_loop_the_last_quality_counts_and_40_steps_are_all():
    task = Grasp(GraspSettings(objects="lego", closed_loop=True))
    steps = [dict(quality=0.2), dict(quality=0.6), *[{}] * 38]
    judgements = judged(task, *steps)
    assert [judgement.ended[0] for judgement in judgements] == [False] * 39 + [True]
    assert judgements[-1].truncated[0] and (task.outcome(0), task.scores(0)) == ("dropped", {"quality": 0.6})


def test_a_new_episode_begins_from_nothing():
    for task in (Grasp(GraspSettings(objects="lego")), Bin(BinSettings(objects="lego", count=5))):
        judged(task, dict(finished=True, held=True, quality=0.9))
        judged(task, {})
        assert task.outcome(0) == ("no grasp" if task.name == "grasp" else "emptied")
        assert task.scores(0)["quality"] == 0.0
        assert task.scores(0).get("success_rate", 0.0) == 0.0


def test_what_is_in_the_hand_as_an_episode_begins_earns_nothing():
    task = Grasp(GraspSettings(objects="lego"))
    assert task.judge(reading(finished=True, held=True, quality=0.5), BEGINS).reward[0] == 0.0


def test_rows_are_judged_apart():
    task = Grasp(GraspSettings(objects="lego", closed_loop=True), rows=2)
    one, other = reading(finished=True, held=True, quality=0.7), reading(quality=0.1)
    both = {name: np.concatenate([one[name], other[name]]) for name in one}
    task.judge(both, np.array([True, True]))
    judgement = task.judge(both, np.array([False, False]))
    assert judgement.reward.tolist() == [1.0, 0.0] and judgement.terminated.tolist() == [True, False]
    assert [task.scores(row)["quality"] for row in range(2)] == [0.7, 0.1] and task.outcome(0) == "held"


# Judgements of bin.


GRASPED, FAILED, NONE_SEEN = dict(held=True, quality=0.5), dict(quality=0.25), {}


def heap(*steps, left=5, count=5):
    task = Bin(BinSettings(objects="lego", count=count))
    told, judgements = left, [task.judge(reading(left=left), BEGINS)]
    for step in steps:
        told -= step.get("held", False)
        judgements.append(task.judge(reading(**{"finished": True, "left": told, **step}), GOES_ON))
    return task, judgements[1:]


def test_a_heap_is_left_after_three_failures_in_a_row():
    task, judgements = heap(FAILED, NONE_SEEN, GRASPED, FAILED, FAILED, NONE_SEEN)
    assert [j.terminated[0] for j in judgements] == [False] * 5 + [True]
    assert [j.reward[0] for j in judgements] == [0.0, 0.0, 1.0, 0.0, 0.0, 0.0] and task.outcome(0) == "gave up"
    scores = task.scores(0)
    assert scores == pytest.approx(
        {"quality": 0.25, "success_rate": 1 / 6, "cleared": 0.2, "picks_an_hour": 3600.0 / 48.0}
    )
    assert json.dumps(scores) and set(scores) <= set(task.score_units)


def test_a_heap_is_done_when_nothing_is_left():
    task, judgements = heap(*[GRASPED] * 5)
    assert [j.ended[0] for j in judgements] == [False] * 4 + [True]
    assert task.outcome(0) == "emptied"
    assert task.scores(0) == pytest.approx(
        {"quality": 0.5, "success_rate": 1.0, "cleared": 1.0, "picks_an_hour": 450.0}
    )


def test_a_judge_goes_on_from_its_state():
    one, _ = heap(GRASPED, FAILED, FAILED)
    other = Bin(BinSettings(objects="lego", count=5))
    other.set_state(pickle.loads(pickle.dumps(one.get_state())))
    for task in (one, other):
        judgement = task.judge(reading(finished=True, left=4, quality=0.5), GOES_ON)
        assert judgement.terminated[0] and task.outcome(0) == "gave up"
    assert other.scores(0) == one.scores(0) and one.scores(0)["cleared"] == pytest.approx(0.2)


def test_in_a_closed_loop_a_heap_is_given_up_after_three_seconds_without_a_grasp():
    # A look without one is no failure yet, and none where the hand is on its way or the last grasp has just ended.
    task = Bin(BinSettings(objects="lego", count=5, closed_loop=True))
    judged(task, *[{}] * 4, dict(quality=0.5), *[{}] * 4, dict(finished=True, held=True, quality=0.5), *[{}] * 14)
    assert task.judge(reading(), GOES_ON).terminated[0] and task.outcome(0) == "gave up"
    assert task.scores(0)["success_rate"] == pytest.approx(1 / 4)
    assert task.scores(0)["picks_an_hour"] == pytest.approx(3600.0 / (25 * 0.2))


def test_what_rolled_away_is_not_cleared_but_ends_a_heap():
    task, judgements = heap(*[GRASPED] * 3, dict(left=0, quality=0.5))
    assert judgements[-1].terminated[0] and task.outcome(0) == "emptied"
    assert task.scores(0)["cleared"] == pytest.approx(0.6) and task.scores(0)["success_rate"] == pytest.approx(0.75)


def test_a_bin_of_no_grasps_is_given_up_in_three_steps():
    env = make_env("bin", **SMALL, count=5)
    env.reset(seed=0)
    ends = [env.step(NO_GRASP)[2] for _ in range(3)]
    assert ends == [False, False, True] and env.task.outcome(0) == "gave up"


# Whole episodes.


def episode(name, controller, seed=0, **settings):
    plan = make_plan(name, controller, assignments=settings)
    task = plan.make_task()
    env, controller = TaskEnv(task), plan.make_controller(task)
    observation, _ = env.reset(seed=seed)
    controller.begin(seed)
    for _ in range(100):
        action = controller.act(observation)
        assert action.dtype == np.float32 and task.action_space.contains(action)
        observation, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return info


@pytest.mark.parametrize("hand", HANDS)
def test_every_hand_plays_antipodal_episodes(hand):
    held = [
        episode("grasp", "antipodal_grasp", seed, hand=hand, objects="lego,jenga,domino")["outcome"] == "held"
        for seed in range(4)
    ]
    assert sum(held) >= 3


def test_a_controller_that_looks_again_follows_a_moved_object():
    settings = {**CLOSED, "shift_least": 0.04, "objects": "lego"}
    looking = [episode("grasp", "antipodal_grasp", seed, **settings)["outcome"] for seed in range(3)]
    blind = [
        episode("grasp", "antipodal_grasp", seed, **settings | {"closed_loop": False})["outcome"] for seed in range(3)
    ]
    assert looking.count("held") >= 2 and blind == ["dropped"] * 3


def test_a_heap_of_bricks_is_cleared():
    info = episode("bin", "antipodal_grasp", objects="lego", count=5)
    assert info["outcome"] == "emptied" and info["scores"]["cleared"] >= 0.8 and info["scores"]["success_rate"] > 0.5


# Settings that can't be.


@pytest.mark.parametrize(
    "name, settings, told",
    [
        ("grasp", {"objects": "duk"}, "there is no object 'duk', did you mean 'duck'?"),
        ("grasp", {"objects": " , "}, "objects: name some"),
        ("grasp", {"hand": "wsg"}, "did you mean 'wsg50'?"),
        ("grasp", {"friction": 0.0}, "friction: 0.0 should be above 0"),
        ("grasp", {"mass": -1.0}, "mass"),
        ("grasp", {"spread": -0.1}, "spread: -0.1 should be 0 or more"),
        ("grasp", {"spread": 0.21, "shift_most": 0.05}, "spread and shift_most: 0.26 m together should be at most"),
        ("grasp", {"shift_least": 0.02}, "shift_most: should be shift_least or more"),
        ("grasp", {"tilt": 1.2}, "tilt: 1.2 should be 0 to 1 rad"),
        ("grasp", {"height": 63}, "64 pixels or more"),
        ("grasp", {"noise_gamma": -1.0}, "noise_gamma"),
        ("grasp", {"distance": 0}, "distance"),
        ("bin", {"count": 4}, "count: 4 should be 5 to 20"),
        ("bin", {"count": 21}, "count: 21 should be 5 to 20"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(name, settings, told):
    with pytest.raises(BadInput) as error:
        make_task(name, settings)
    assert told in str(error.value) and "\n" not in str(error.value)
