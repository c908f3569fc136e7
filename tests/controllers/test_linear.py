"""Linear feedback: what the gains are of, its pushes by hand, and how the cross-entropy method finds them."""

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from control_bench.controllers.base import Transitions
from control_bench.controllers.linear import FIRST, READINGS_APART, SPREAD, Linear, LinearSettings, features, lean_of
from control_bench.errors import BadInput
from control_bench.tasks.pole import PUSHES

POSES = spaces.Box(-np.inf, np.inf, (2, 2, 7), np.float64)
PUSH = spaces.Box(-1.0, 1.0, (2,), np.float32)
ANGLE = st.floats(-3.0, 3.0)
EVEN = np.zeros((1, 2, 2, 7)) + [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]


def linear(actions=PUSH, seed=0, **settings):
    return Linear(POSES, actions, LinearSettings(**settings), seed=seed)


def turned(roll=0.0, pitch=0.0, yaw=0.0):
    return Rotation.from_euler("xyz", (roll, pitch, yaw)).as_quat()


def seen(cart=(0, 0), pole=None, lean=None, before=None, lean_before=None):
    """An observation (1, 2, 2, 7): cart and pole (x, y) now, the pole's quaternion, and where they were before."""
    poses = EVEN.copy()
    poses[0, :, 0, :2] = cart
    poses[0, :, 1, :2] = cart if pole is None else pole
    if lean is not None:
        poses[0, :, 1, 3:] = lean
    if before is not None:
        poses[0, 0, 0, :2] = before
    if lean_before is not None:
        poses[0, 0, 1, 3:] = lean_before
    return poses


def set_gains(learner, place=0.0, velocity=0.0, lean=0.0, rate=0.0, offset=0.0, dead=0.0):
    learner.set_policy({"gains": np.array([place, velocity, lean, rate, offset, dead])})
    return learner


# What the gains are of.


def test_a_pole_that_leans_about_y_leans_along_x():
    np.testing.assert_allclose(lean_of(turned(pitch=0.2)[None]), [[np.sin(0.2), 0.0]], atol=1e-12)
    np.testing.assert_allclose(lean_of(turned(roll=-0.2)[None]), [[0.0, np.sin(0.2)]], atol=1e-12)


@settings(deadline=None)
@given(roll=ANGLE, pitch=ANGLE, yaw=ANGLE)
def test_the_lean_is_where_the_bodys_axis_points(roll, pitch, yaw):
    expected = Rotation.from_euler("xyz", (roll, pitch, yaw)).as_matrix()[:2, 2]
    np.testing.assert_allclose(lean_of(turned(roll, pitch, yaw)[None])[0], expected, atol=1e-9)


def test_features_by_hand():
    poses = seen((0.3, -0.1), (0.35, -0.2), turned(pitch=0.2), before=(0.2, 0.1), lean_before=turned(pitch=0.15))
    per_second = 240 / 5
    assert READINGS_APART == 1 / per_second
    expected = [
        [0.3, -0.1],
        [0.1 * per_second, -0.2 * per_second],
        [np.sin(0.2), 0.0],
        [(np.sin(0.2) - np.sin(0.15)) * per_second, 0.0],
        [0.05, -0.1],
    ]
    np.testing.assert_allclose(features(poses), [expected], atol=1e-9)


def test_features_are_of_the_last_two_readings():
    poses = np.random.default_rng(0).normal(size=(3, 4, 2, 7))
    np.testing.assert_array_equal(features(poses), features(poses[:, 2:]))


# Pushes.


@pytest.mark.parametrize(
    ("gains", "push"),
    [
        ({"place": 2.0}, (0.6, -0.2)),
        ({"velocity": 0.1}, (0.48, -0.96)),
        ({"lean": 4.0}, (4 * np.sin(0.2), 0.0)),
        ({"rate": 0.2}, (0.2 * 48 * (np.sin(0.2) - np.sin(0.15)), 0.0)),
        ({"offset": -3.0}, (-0.15, 0.3)),
        ({"place": 1.0, "offset": 2.0}, (0.4, -0.3)),
        ({"place": 10.0}, (1.0, -1.0)),
    ],
    ids=str,
)
def test_a_push_is_the_weighted_sum_within_its_bounds(gains, push):
    learner = set_gains(linear(), **gains)
    poses = seen((0.3, -0.1), (0.35, -0.2), turned(pitch=0.2), before=(0.2, 0.1), lean_before=turned(pitch=0.15))
    action = learner.greedy(poses)
    assert action.dtype == np.float32
    np.testing.assert_allclose(action, [push], atol=1e-6)


@pytest.mark.parametrize("dead", [0.15, -0.15])
def test_a_push_below_the_dead_band_is_left_out_on_either_axis(dead):
    learner = set_gains(linear(), place=1.0, dead=dead)
    places = [(0.1, 0.2), (-0.2, -0.1), (0.16, 0.149), (-0.151, 0.0)]
    actions = [learner.act(seen(place)[0]).tolist() for place in places]
    expected = [(0.0, 0.2), (-0.2, 0.0), (0.16, 0.0), (-0.151, 0.0)]
    np.testing.assert_allclose(actions, expected, atol=1e-6)


def test_the_largest_push_is_the_discrete_one():
    learner = set_gains(linear(spaces.Discrete(5)), place=1.0, dead=0.05)
    places = [(0.04, -0.04), (0.3, 0.2), (-0.3, 0.2), (0.1, 0.2), (0.1, -0.2)]
    assert [int(learner.act(seen(place)[0])) for place in places] == [0, 1, 2, 3, 4]


@settings(deadline=None)
@given(x=st.floats(-1, 1), y=st.floats(-1, 1))
def test_discrete_and_continuous_pushes_agree_in_direction(x, y):
    one, other = (set_gains(learner, place=0.8, dead=0.1) for learner in BOTH)
    push, way = one.act(seen((x, y))[0]), PUSHES[int(other.act(seen((x, y))[0]))]
    assert (way == 0).all() == (push == 0).all()
    assert way @ push == np.abs(push).max()


BOTH = linear(), linear(spaces.Discrete(5))


def test_an_even_pole_on_a_cart_at_rest_is_left_alone():
    assert linear().greedy(EVEN).tolist() == [[0.0, 0.0]] and linear(spaces.Discrete(5)).greedy(EVEN).tolist() == [0]


def test_the_first_gains_push_the_cart_under_a_pole_that_leans():
    assert linear().act(seen(lean=turned(pitch=0.2))[0])[0] > 0.3
    assert linear(spaces.Discrete(5)).act(seen(lean=turned(roll=0.2))[0]) == 4  # it leans along -y


# How the gains are found.


def ended(rewards, valid=None, ends=None):
    """One step of as many rows, each the last of its episode."""
    rows = len(rewards)
    poses, actions = np.tile(EVEN, (rows, 1, 1, 1)), np.zeros((rows, 2), np.float32)
    ends, valid = (np.ones(rows, bool) if flag is None else np.array(flag) for flag in (ends, valid))
    return Transitions(poses, actions, np.array(rewards, dtype=float), poses, ends & valid, np.zeros(rows, bool), valid)


def tried(learner, rows=1):
    """The candidates that the rows try now, as the gains on where the cart is tell them."""
    places = np.tile(seen((1e-3, 0.0)), (rows, 1, 1, 1))
    learner._candidates[:, 1:] = 0.0
    return learner.explore(places)[:, 0] * 1000.0


def test_the_first_candidate_is_the_mean_and_the_others_are_drawn_about_it():
    learner = linear(candidates=4000)
    candidates = learner.get_state()["candidates"]
    assert candidates.shape == (4000, 6) and candidates[0].tolist() == FIRST.tolist()
    np.testing.assert_allclose(candidates.mean(axis=0), FIRST, atol=0.1)
    np.testing.assert_allclose(candidates.std(axis=0), SPREAD, rtol=0.05)


def test_every_candidate_is_tried_for_as_many_episodes():
    learner = linear(candidates=4, episodes=3, elite=0.5)
    first = tried(learner)[0]
    found = [first]
    for _ in range(11):
        learner.learn(ended([1.0]))
        found.append(tried(learner)[0])
    assert learner.generation == 0
    np.testing.assert_allclose(found, np.tile(learner._candidates[:, 0], 3), atol=1e-4)
    learner.learn(ended([1.0]))
    assert learner.generation == 1


def test_a_candidate_is_kept_for_the_length_of_an_episode():
    learner = linear(candidates=4, episodes=1, elite=0.5)
    begun = tried(learner, 2)
    for _ in range(5):
        learner.learn(ended([1.0, 1.0], ends=[False, False]))
        assert tried(learner, 2).tolist() == begun.tolist()
    learner.learn(ended([1.0, 1.0], ends=[True, False]))
    after = tried(learner, 2)
    assert after[0] not in begun and after[1] == begun[1]


def test_a_generation_is_selected_as_by_hand():
    learner = linear(candidates=4, episodes=2, elite=0.5, keep=0.25)
    candidates = learner.get_state()["candidates"]
    # Two episodes each, in order; the best by what they earned are the last and the second.
    earned = [(1.0, 2.0), (5.0, 4.0), (3.0, 3.0), (9.0, 7.0)]
    learner.explore(EVEN)
    for episode in range(2):
        for rewards in earned:
            assert learner.generation == 0
            learner.learn(ended([rewards[episode] / 2], ends=[False]))  # in two steps
            learner.learn(ended([rewards[episode] / 2]))
    best = candidates[[1, 3]]
    np.testing.assert_allclose(learner.mean, 0.25 * FIRST + 0.75 * best.mean(axis=0))
    np.testing.assert_allclose(learner.deviation, 0.25 * SPREAD + 0.75 * best.std(axis=0))
    assert learner.generation == 1 and learner.get_policy()["gains"].tolist() == learner.mean.tolist()
    new = learner.get_state()["candidates"]
    assert new[0].tolist() == learner.mean.tolist() and not np.isin(new, candidates).any()


def test_what_an_earlier_generations_candidate_earns_no_longer_counts():
    learner = linear(candidates=2, episodes=1, elite=1.0)
    learner.explore(np.tile(EVEN, (3, 1, 1, 1)))  # the third row tries the first candidate once more
    learner.learn(ended([1.0, 2.0, 50.0], ends=[True, True, False]))
    assert learner.generation == 1
    learner.learn(ended([0.0, 0.0, 50.0], ends=[False, False, True]))
    assert learner.generation == 1 and not learner.get_state()["counts"][:2].any()


def test_steps_that_only_begin_an_episode_do_not_count():
    learner = linear(candidates=2, episodes=1, elite=1.0)
    learner.explore(EVEN)
    learner.learn(ended([100.0], valid=[False]))
    assert learner.steps == 0 and not learner.get_state()["counts"][:2].any()
    learner.learn(ended([1.0]))
    assert learner.steps == 1 and learner.get_state()["counts"][0].tolist() == [1.0, 0.0]


def test_what_an_episode_earned_that_was_broken_off_does_not_count():
    # A world that was started again, or a training taken up without its environments' state: a gap, and a new episode.
    learner = linear(candidates=2, episodes=1, elite=1.0)
    learner.explore(EVEN)
    learner.learn(ended([50.0], ends=[False]))
    learner.learn(ended([0.0], valid=[False]))
    learner.learn(ended([1.0]))
    assert learner.get_state()["counts"][0].tolist() == [1.0, 0.0]


def test_a_truncated_episode_counts_as_a_terminated_one():
    learner = linear(candidates=2, episodes=1, elite=1.0)
    learner.explore(EVEN)
    for _ in range(2):
        step = ended([1.0])
        none = np.array([False])
        learner.learn(Transitions(**vars(step) | {"terminated": none, "truncated": ~none}))
    assert learner.generation == 1


class Tray:
    """Rows of a pole that stands on a massless cart: it falls over the faster the more it leans, a push rights it, and
    a step earns 1 until it leans by more than 0.3, or 60 steps are over."""

    def __init__(self, rows, seed):
        self.rng, self.rows = np.random.default_rng(seed), rows
        self.lean, self.rate, self.cart, self.speed = np.zeros((4, rows, 2))
        self.steps, self.ended, self.poses = np.zeros(rows), np.ones(rows, bool), np.tile(EVEN, (rows, 1, 1, 1))
        self.step(np.zeros((rows, 2)))

    def step(self, push):
        before, valid = self.poses, ~self.ended
        self.steps = np.where(valid, self.steps + 1, 0)
        pushed = valid[:, None] * push
        self.speed, self.cart = self.speed + 0.1 * pushed, self.cart + self.speed / 48
        self.rate = self.rate + (10.0 * self.lean - 8.0 * pushed) / 48
        self.lean = self.lean + self.rate / 48
        begins = np.flatnonzero(~valid)
        for values in (self.lean, self.cart, self.speed):
            values[begins] = 0.0
        self.rate[begins] = self.rng.uniform(-0.5, 0.5, (len(begins), 2))
        quaternions = Rotation.from_euler("xy", np.stack([-self.lean[:, 1], self.lean[:, 0]], axis=1)).as_quat()
        now = np.concatenate([self.cart, np.zeros((self.rows, 1)), quaternions], axis=1)
        self.poses = np.stack([np.where(valid[:, None, None], before[:, 1], 0.0), np.tile(now[:, None], (1, 2, 1))], 1)
        self.poses[:, :, 0, 3:] = [0.0, 0.0, 0.0, 1.0]
        self.poses[begins, 0] = self.poses[begins, 1]
        fallen, over = valid & (np.abs(self.lean).max(axis=1) > 0.3), valid & (self.steps >= 60)
        self.ended = fallen | over
        return Transitions(before, push, (valid & ~fallen) * 1.0, self.poses, fallen, over & ~fallen, valid)


def score(learner):
    """The mean length of an episode, of 60 at most."""
    env, earned, alive = Tray(40, 123), np.zeros(40), np.ones(40, bool)
    for _ in range(60):
        step = env.step(learner.greedy(env.poses))
        earned += alive * step.reward
        alive &= ~(step.terminated | step.truncated)
    return earned.mean()


def trained(seed, steps, learner=None, env=None):
    learner, env = learner or linear(seed=seed, candidates=12, episodes=2), env or Tray(24, seed)
    for _ in range(steps):
        learner.learn(env.step(learner.explore(env.poses)))
    return learner, env


def test_finds_gains_that_keep_a_pole_upright():
    learner = linear(candidates=12, episodes=2)
    learner.mean[:] = 0.0
    learner.mean[5] = 0.3  # pushes late, if at all
    learner._draw()
    untrained = score(learner)
    trained(0, 300, learner)
    assert learner.generation > 1
    assert untrained < 35 and score(learner) > 55


# Seeds and states.


def test_one_seed_gives_one_training_and_another_seed_another():
    one, again, other = (trained(seed, 150)[0] for seed in (4, 4, 5))
    assert one.generation > 0
    assert one.mean.tolist() == again.mean.tolist() != other.mean.tolist()


def test_the_seed_alone_decides_what_is_tried():
    assert linear(seed=1)._candidates.tolist() != linear(seed=2)._candidates.tolist()


@pytest.mark.parametrize("steps", [0, 70])
def test_a_state_taken_over_learns_on_exactly(steps):
    (learner, env), other = trained(1, steps), linear(seed=2, candidates=12, episodes=2)
    other.set_state(learner.get_state())
    rng, rows = np.random.default_rng(0), env.rows
    generation = learner.generation
    for _ in range(60):
        poses = rng.normal(0.0, 0.1, (rows, 2, 2, 7)) + [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        actions = [one.explore(poses) for one in (learner, other)]
        np.testing.assert_array_equal(*actions)
        step = ended(rng.normal(size=rows), ends=rng.random(rows) < 0.2)
        for one in (learner, other):
            one.learn(step)
    assert other.generation == learner.generation > generation + 1
    assert other.mean.tolist() == learner.mean.tolist() and other.steps == learner.steps
    assert other.deviation.tolist() == learner.deviation.tolist()


def test_a_state_does_not_change_later():
    learner, env = trained(1, 70)
    state, copy = learner.get_state(), linear(candidates=12, episodes=2)
    copy.set_state(state)
    trained(1, 100, learner, env)
    again = linear(candidates=12, episodes=2)
    again.set_state(state)
    for name in ("candidates", "counts", "rows"):
        assert again.get_state()[name].tolist() == copy.get_state()[name].tolist()


def test_a_policy_taken_over_acts_the_same():
    learner, other = trained(1, 150)[0], linear(seed=2)
    other.set_policy(learner.get_policy())
    poses = np.random.default_rng(0).normal(0.0, 0.1, (9, 2, 2, 7))
    assert other.greedy(poses).tolist() == learner.greedy(poses).tolist()


def test_curves_tell_of_generations_and_norms():
    learner = trained(1, 100)[0]
    metrics = learner.metrics()
    assert metrics["generation"] == learner.generation > 0
    assert metrics["norm/variable/mean"] == pytest.approx(np.linalg.norm(learner.mean))


# What it refuses.


@pytest.mark.parametrize(
    "observations",
    [
        *(spaces.Box(-1, 1, shape) for shape in ((1, 2, 7), (2, 7), (2, 3, 7), (2, 2, 6))),
        spaces.Box(0, 255, (50, 50, 6), np.uint8),
        spaces.Discrete(3),
        spaces.MultiDiscrete([2, 2, 7]),
    ],
    ids=str,
)
def test_other_observations_are_refused_with_the_mend(observations):
    with pytest.raises(
        BadInput, match="Linear can't be used here: it wants poses .*: set observation: poses"
    ) as caught:
        Linear(observations, PUSH)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("actions", [spaces.Discrete(3), spaces.Box(-1, 1, (3,)), spaces.MultiDiscrete([5])], ids=str)
def test_other_actions_are_refused_with_the_mend(actions):
    with pytest.raises(BadInput, match="it wants pushes along x and y, .*take balance"):
        Linear(POSES, actions)


def test_more_readings_are_welcome():
    assert Linear.refuses(spaces.Box(-1, 1, (4, 2, 7)), spaces.Discrete(5)) is None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"candidates": 0}, "candidates"),
        ({"episodes": 0}, "episodes"),
        ({"elite": 0.0}, "elite"),
        ({"elite": 1.1}, "elite"),
        ({"keep": 1.0}, "keep"),
        ({"keep": -0.1}, "keep"),
        ({"candidates": 7, "elite": 0.25}, "candidates and elite"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong, named):
    with pytest.raises(BadInput, match=named):
        LinearSettings(**wrong)
