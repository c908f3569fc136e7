"""The drivebot task: the article's starts, rewards and endings, its actions, and maps of one's own."""

import math

import numpy as np
import pytest
from gymnasium import spaces
from PIL import Image

from control_bench.env import TaskEnv
from control_bench.errors import BadInput
from control_bench.registry import make_task
from control_bench.tasks.drivebot import Drivebot, DrivebotSettings
from control_bench.worlds import sonar_track
from control_bench.worlds.clearance import clearance

FORWARD, LEFT, RIGHT = 0, 1, 2


def task(rows=1, **settings):
    return Drivebot(DrivebotSettings(**settings), rows)


def episode(policy, seed=0, limit=2000, **settings):
    """The rewards of one episode, its last step's two flags, and its info. policy: step number to action."""
    env, rewards = TaskEnv(task(**settings)), []
    env.reset(seed=seed)
    for step in range(limit):
        _, reward, terminated, truncated, info = env.step(policy(step))
        rewards.append(reward)
        if terminated or truncated:
            break
    return rewards, terminated, truncated, info


class Judged:
    """One row of a task, judged by positions alone."""

    def __init__(self, start=(5.0, 9.0), **settings):
        self.task, self.place = task(**settings), np.array(start)
        self._judge(np.zeros(self.task.action_space.shape, self.task.action_space.dtype), True)

    def _judge(self, action, first):
        done = self.task.command(np.array([action]))
        readings = {"pose": np.array([[*self.place, 0.0]]), "velocity": done}
        return self.task.judge(readings, np.array([first]))

    def step(self, action, by=(0.0, 0.0)):
        """The reward of an action that moved the robot by so many metres."""
        self.place = self.place + by
        self.last = self._judge(action, False)
        return float(self.last.reward[0])


# Where episodes start.


def starts(number=3000, **settings):
    one = task(**settings)
    return np.array([one.start(np.random.default_rng(seed)) for seed in range(number)])


def test_episodes_start_at_the_articles_points_at_any_heading():
    points = [(x, 9) for x in range(1, 10)] + [(9, y) for y in range(1, 9)] + [(1, y) for y in range(5, 9)]
    points += [(x, 5) for x in range(2, 5)] + [(5, y) for y in range(1, 5)] + [(x, 1) for x in range(6, 9)]
    drawn = starts()
    found, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    assert {tuple(point) for point in found.tolist()} == set(points)
    assert counts.min() > 0.5 * len(drawn) / len(points) and counts.max() < 1.6 * len(drawn) / len(points)
    quarters = np.histogram(drawn[:, 2], bins=4, range=(0.0, 2.0 * math.pi))[0]
    assert quarters.sum() == len(drawn) and quarters.min() > 0.22 * len(drawn)


def test_coarse_grid_starts_at_the_articles_eight_poses():
    poses = [(3, 9, 0), (7, 9, 0), (9, 7, 4.71), (9, 3, 4.71), (7, 1, 3.14), (5, 3, 1.57), (3, 5, 3.14), (1, 7, 1.57)]
    found, counts = np.unique(starts(800, reward="coarse_grid"), axis=0, return_counts=True)
    assert {tuple(pose) for pose in found.tolist()} == set(poses) and counts.min() > 50


def test_a_robot_can_stand_at_every_start():
    one = task()
    world = one.make_world()
    for number, settings in ((300, {}), (300, {"reward": "coarse_grid"}), (15, {"starts": "anywhere"})):
        assert {world.why_not(pose) for pose in starts(number, **settings)} == {None}


def test_anywhere_on_the_track_is_more_than_its_middle():
    drawn = starts(20, starts="anywhere")
    assert np.ptp(drawn[:, 0]) > 6.0 and np.ptp(drawn[:, 1]) > 6.0
    off_the_middle = np.abs(drawn[:, :2] - np.round(drawn[:, :2])).max(axis=1)
    assert np.median(off_the_middle) > 0.1


def test_drawing_many_starts_works_the_map_out_at_most_once(monkeypatch):
    # It takes longer than a hundred steps do, and an episode begins with it.
    worked_out = []
    monkeypatch.setattr(sonar_track, "clearance", lambda cells: worked_out.append(cells) or clearance(cells))
    starts(4, starts="anywhere")
    assert len(worked_out) <= 1


# What a step earns.


def test_the_first_step_earns_nothing_whatever_it_does():
    for reward in ("any_movement", "forward", "coarse_grid"):
        assert Judged(reward=reward).step(FORWARD, (2.0, 0.0)) == 0
        assert Judged(reward=reward).step(FORWARD) == 0


# Each: what was done, how far it went, and what it earns by any_movement, forward, and coarse_grid.
EARNINGS = [
    (FORWARD, (0.2, 0.0), 1, 1, 0),
    (FORWARD, (0.0, 0.0), -1, -1, -1),
    (LEFT, (0.0, 0.0), 0, 0, -1),
    (RIGHT, (0.0, 0.0), 0, 0, -1),
    (LEFT, (0.0, 0.2), 1, 0, 0),
    (FORWARD, (2e-6, 0.0), 1, 1, 0),
    (FORWARD, (6e-7, 6e-7), 1, 1, 0),
    (FORWARD, (4e-7, -4e-7), -1, -1, -1),
    (FORWARD, (2.0, 0.0), 1, 1, 2),
    (FORWARD, (-2.0, 0.0), 1, 1, -2),
    (FORWARD, (4.0, 0.0), 1, 1, 0),
]


@pytest.mark.parametrize(("action", "by", "any_movement", "forward", "coarse_grid"), EARNINGS)
def test_what_a_step_earns(action, by, any_movement, forward, coarse_grid):
    earned = []
    for reward in ("any_movement", "forward", "coarse_grid"):
        row = Judged(reward=reward)
        row.step(LEFT)
        earned.append(row.step(action, by))
    assert earned == [any_movement, forward, coarse_grid]


def test_continuous_actions_earn_by_the_distance_they_cover():
    row = Judged(actions="continuous")
    row.step([0.0, 0.0])
    assert row.step([1.0, 0.0], (0.2, 0.0)) == pytest.approx(1.0)
    assert row.step([0.5, 0.0], (0.06, 0.08)) == pytest.approx(0.5)
    assert row.step([1.0, 0.0], (0.3, 0.0)) == pytest.approx(1.0)
    assert row.step([1.0, 0.0]) == -1.0
    assert row.step([0.0, 1.0]) == 0.0


# How an episode ends.


@pytest.mark.parametrize("turn", [LEFT, RIGHT])
def test_turning_on_the_spot_ends_at_step_31(turn):
    rewards, terminated, truncated, info = episode(lambda step: turn)
    assert (len(rewards), terminated, truncated, info["outcome"]) == (31, True, False, "stuck")
    assert rewards == [0.0] * 31 and info["scores"]["distance"] == 0.0


def test_only_an_idle_step_after_an_idle_step_counts_towards_stuck():
    row = Judged(patience=3)
    for _ in range(20):  # every other step earns
        row.step(LEFT)
        row.step(FORWARD, (0.2, 0.0))
        assert not row.last.terminated[0]
    ended = []
    for _ in range(4):  # the first of these follows a step that earned
        row.step(LEFT)
        ended.append(bool(row.last.terminated[0]))
    assert ended == [False, False, False, True]


def test_a_robot_against_a_wall_is_stuck_and_counted_blocked():
    rewards, terminated, _, info = episode(lambda step: FORWARD, seed=1)
    driven = rewards.count(1.0)
    assert terminated and info["outcome"] == "stuck" and set(rewards[1:]) == {1.0, -1.0}
    assert rewards[-31:] == [-1.0] * 31 and info["scores"]["blocked"] == 31
    # Where it started the article doesn't count a step; the last one before the wall may be one tick long.
    assert 0.2 * driven <= info["scores"]["distance"] + 1e-6 <= 0.2 * (driven + 1) + 2e-6


def test_a_thousand_steps_complete_an_episode():
    # It circles within the corridor.
    rewards, terminated, truncated, info = episode(lambda step: np.array([0.2, 1.0]), actions="continuous")
    assert (len(rewards), terminated, truncated, info["outcome"]) == (1000, False, True, "completed")
    assert info["scores"]["blocked"] == 0 and info["scores"]["distance"] > 35.0


def test_steps_and_patience_can_be_set_and_stuck_goes_before_completed():
    assert len(episode(lambda step: LEFT, patience=5)[0]) == 6
    assert episode(lambda step: LEFT, max_steps=6, patience=5)[1:3] == (True, False)
    assert episode(lambda step: LEFT, max_steps=5, patience=5)[1:3] == (False, True)


def test_distance_is_what_was_driven_and_laps_count_the_coarse_cells():
    row = Judged()
    for _ in range(4):
        row.step(FORWARD, (1.2, 0.0))
        row.step(FORWARD, (-0.2, 0.0))
    scores = row.task.scores(0)
    assert scores == {"distance": pytest.approx(5.6), "blocked": 0.0, "laps": 2 / 16}


def test_a_new_episode_counts_from_anew_in_its_row_alone():
    task = Drivebot(DrivebotSettings(reward="coarse_grid", patience=2), rows=2)
    command = task.command(np.array([FORWARD, FORWARD]))

    def judge(x, first):
        readings = {"pose": np.array([[x, 9.0, 0.0]] * 2), "velocity": command}
        return task.judge(readings, np.array(first)).reward.tolist()

    assert judge(1.0, [True, True]) == [0, 0]
    assert judge(1.0, [False, False]) == [0, 0]
    assert judge(3.0, [False, False]) == [2, 2]
    assert judge(5.0, [True, False]) == [0, 2]
    assert [task.scores(row)["laps"] for row in range(2)] == [0.0, 2 / 16]
    assert [task.scores(row)["distance"] for row in range(2)] == [0.0, 4.0]


def test_each_row_is_judged_on_its_own():
    two, first = task(rows=2, patience=2), np.array([True, True])
    poses, commands = np.array([[5.0, 9.0, 0.0], [9.0, 3.0, 0.0]]), task().command(np.array([LEFT, FORWARD]))
    two.judge({"pose": poses, "velocity": commands}, first)
    for _ in range(3):
        poses = poses + [[0.0, 0.0, 0.1], [0.0, 0.2, 0.0]]
        judgement = two.judge({"pose": poses, "velocity": commands}, ~first)
    assert judgement.reward.tolist() == [0.0, 1.0] and judgement.terminated.tolist() == [True, False]
    two.judge({"pose": poses, "velocity": commands}, np.array([True, False]))  # row 0 begins again, row 1 goes on
    assert [two.scores(row)["distance"] for row in range(2)] == [0.0, pytest.approx(0.6)]


# Actions and what is seen.


def test_discrete_actions_are_the_articles():
    commands = task().command(np.array([FORWARD, LEFT, RIGHT]))
    assert commands.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.2], [0.0, 0.0, -1.2]]
    assert task().action_space == spaces.Discrete(3)
    fast = task(forward_speed=2.0, turn_speed=3.0).command(np.array([FORWARD, LEFT]))
    assert fast.tolist() == [[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]]


def test_continuous_actions_are_shares_of_the_two_speeds_and_no_more():
    one = task(actions="continuous", forward_speed=2.0, turn_speed=3.0)
    commands = one.command(np.array([[0.5, -1.0], [-1.0, 0.25], [7.0, -7.0]], np.float32))
    assert commands.tolist() == [[1.0, 0.0, -3.0], [-2.0, 0.0, 0.75], [2.0, 0.0, -3.0]]
    assert one.action_space == spaces.Box(-1.0, 1.0, (2,), np.float32)


def test_command_and_action_are_each_others_inverse():
    one = task(forward_speed=0.7, turn_speed=0.9)
    actions = np.array([RIGHT, FORWARD, LEFT])
    assert one.action(one.command(actions)).tolist() == actions.tolist()
    one = task(actions="continuous", forward_speed=0.7, turn_speed=0.9)
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (50, 2)).astype(np.float32)
    again = one.action(one.command(actions))
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, actions, atol=1e-7)


def test_a_step_is_the_articles_event():
    env = TaskEnv(task())
    _, info = env.reset(seed=3)
    before = info["readings"]["pose"]
    _, _, _, _, info = env.step(LEFT)
    np.testing.assert_allclose(info["readings"]["pose"] - before, [0.0, 0.0, 0.24], atol=1e-9)
    before = info["readings"]["pose"]
    _, _, _, _, info = env.step(FORWARD)
    assert np.hypot(*(info["readings"]["pose"] - before)[:2]) == pytest.approx(0.2)
    assert env.task.step_duration == 0.2


def test_an_action_that_is_not_finite_is_refused():
    env = TaskEnv(task(actions="continuous"))
    env.reset(seed=0)
    with pytest.raises(BadInput, match="not finite"):
        env.step(np.array([np.nan, 0.0]))


@pytest.mark.parametrize("encoder", ["raw", "standardised", "ordering", "furthest"])
@pytest.mark.parametrize("history", [1, 4])
def test_the_space_holds_every_observation(encoder, history):
    env, rng = TaskEnv(task(encoder=encoder, history=history)), np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    for step in range(300):
        assert env.observation_space.contains(observation)
        if step == 0:
            assert np.unique(observation.reshape(history, -1), axis=0).shape[0] == 1
        if step % 50 == 49:
            env.reset()
        observation, *_ = env.step(rng.choice([FORWARD, FORWARD, LEFT]))


def test_raw_observations_are_the_readings_in_centimetres():
    env = TaskEnv(task())
    for seed in range(20):
        observation, info = env.reset(seed=seed)
        metres = [3.0 if r > 3.0 else 0.0 if r < 0.15 else float(r) for r in info["readings"]["sonar"]]
        assert observation.tolist() == [int(100 * r) for r in metres]


def test_sensor_noise_reaches_the_observations_only_where_asked_for():
    plain, again, noisy = (
        TaskEnv(task(sensor_noise=noise)).reset(seed=2)[1]["readings"]["sonar"] for noise in (False, False, True)
    )
    assert plain.tolist() == again.tolist() and np.isfinite(plain).any()
    np.testing.assert_allclose((noisy - plain)[np.isfinite(plain) & np.isfinite(noisy)], 0.1, atol=0.05)
    assert not np.array_equal(noisy, plain)


# Maps and robots of one's own.


def own_map(folder, name="room", free=True):
    """A room of 4 by 3 m with walls around, or a solid block; the path of its YAML file."""
    pixels = np.zeros((60, 80), np.uint8)
    pixels[3:-3, 3:-3] = 255 if free else 0
    Image.fromarray(pixels).save(folder / f"{name}.png")
    keys = f"image: {name}.png\nresolution: 0.05\norigin: [0, 0, 0]\n"
    (folder / f"{name}.yaml").write_text(keys + "occupied_thresh: 0.6\nfree_thresh: 0.3\nnegate: 0\n")
    return str(folder / f"{name}.yaml")


def test_a_map_of_ones_own_starts_anywhere_in_it(tmp_path):
    drawn = starts(300, map=own_map(tmp_path))
    assert drawn[:, 0].min() > 0.15 + 0.2 - 0.05 and drawn[:, 0].max() < 4.0 - 0.15 - 0.2 + 0.05
    assert np.ptp(drawn[:, 0]) > 2.5 and np.ptp(drawn[:, 1]) > 1.7 and np.ptp(drawn[:, 2]) > 6.0
    rewards, terminated, _, info = episode(lambda step: FORWARD, map=own_map(tmp_path))
    assert terminated and "laps" not in info["scores"]


def test_a_map_of_ones_own_may_be_called_track(tmp_path):
    one = task(map=own_map(tmp_path, "track"))
    TaskEnv(one).reset(seed=0)
    assert not one.settings.starts_on_track


def test_coarse_grid_is_for_the_articles_track_only(tmp_path):
    with pytest.raises(BadInput, match="coarse_grid"):
        task(reward="coarse_grid", map=own_map(tmp_path))
    with pytest.raises(BadInput, match="task settings: .*coarse_grid"):
        make_task("drivebot", {"reward": "coarse_grid", "map": own_map(tmp_path)})


def test_a_map_with_no_room_for_the_robot_is_refused(tmp_path):
    path = own_map(tmp_path, free=False)
    with pytest.raises(BadInput, match="no place in it is free"):
        task(map=path).start(np.random.default_rng(0))


def test_a_robot_without_sonars_is_refused(tmp_path):
    (tmp_path / "blind.yaml").write_text("robot: {robot_specifications: [footprint: {footprint_specifications: }]}")
    with pytest.raises(BadInput, match="needs a robot with sonars"):
        task(robot=str(tmp_path / "blind.yaml"))


@pytest.mark.parametrize("setting", ["history", "forward_speed", "turn_speed", "max_steps", "patience"])
def test_a_setting_that_must_be_above_zero_is_refused_by_name(setting):
    with pytest.raises(BadInput, match=f"{setting}: 0 should be above 0"):
        DrivebotSettings(**{setting: 0})
