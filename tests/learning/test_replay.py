"""The replay: what is drawn belongs together, whatever the ring, the ends of episodes and the priorities."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.controllers.base import Transitions
from control_bench.learning.replay import Replay, SumTree

GAMMA = 0.5


class Stream:
    """Rows of made-up steps that tell where they come from: the observation at time t in row r is 1000 r + t.

    The action is the observation's last two digits, the reward the time, so any mix-up shows.
    """

    def __init__(self, rows, terminated=(), truncated=()):
        """terminated, truncated: pairs (time, row) whose step ends an episode; the row's next step is then invalid."""
        self.rows, self.time = rows, 0
        self.terminated, self.truncated = set(terminated), set(truncated)

    def ends(self, time, row):
        return (time, row) in self.terminated | self.truncated

    def step(self):
        t, lanes = self.time, range(self.rows)
        self.time += 1
        observation = np.array([[1000.0 * row + t] for row in lanes])
        valid = np.array([not self.ends(t - 1, row) for row in lanes])
        return Transitions(
            observation, np.full(self.rows, t % 100), np.where(valid, float(t), 0.0), observation + 1,
            *(np.array([(t, row) in ends for row in lanes]) for ends in (self.terminated, self.truncated)), valid,
        )  # fmt: skip

    def into(self, replay, steps):
        for _ in range(steps):
            replay.add(self.step())
        return replay

    def expected(self, time, row, n_step, bootstrap_terminal=False):
        """Reward, time of the observation behind it, and what that counts for, of n steps from (time, row)."""
        reward, k = 0.0, 0
        while True:
            reward += GAMMA**k * (time + k)
            k += 1
            if (time + k - 1, row) in self.terminated and not bootstrap_terminal:
                return reward, time + k, 0.0
            if self.ends(time + k - 1, row) or k == n_step:
                return reward, time + k, GAMMA**k


def where(batch):
    """Times and rows that a batch's steps come from."""
    observation = batch.observation[:, 0].astype(int)
    return observation % 1000, observation // 1000


ENDS = dict(terminated={(3, 0), (9, 1), (11, 0)}, truncated={(6, 1), (8, 0), (14, 2), (20, 1), (24, 0), (25, 2)})


@pytest.mark.parametrize("priority", [0.0, 0.6])
@pytest.mark.parametrize("n_step", [1, 2, 3, 5])
@pytest.mark.parametrize("bootstrap_terminal", [False, True])
@pytest.mark.parametrize("steps", [16, 31])  # before the ring is full, and after it went round
def test_every_sample_is_the_hand_computed_one(priority, n_step, bootstrap_terminal, steps):
    stream = Stream(3, **ENDS)
    replay = stream.into(Replay(36, n_step, GAMMA, priority, bootstrap_terminal), steps)
    batch = replay.sample(500, np.random.default_rng(0))
    times, rows = where(batch)
    assert len(set(zip(times, rows, strict=True))) > 15
    np.testing.assert_array_equal(batch.action, times % 100)  # its own action, not the one before or after
    for i, (time, row) in enumerate(zip(times, rows, strict=True)):
        reward, behind, ahead = stream.expected(time, row, n_step, bootstrap_terminal)
        assert batch.reward[i] == pytest.approx(reward)
        assert batch.ahead[i] == pytest.approx(ahead)
        assert batch.next_observation[i, 0] == 1000 * row + behind


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 3), capacity=st.integers(1, 20), n_step=st.integers(1, 4), steps=st.integers(1, 60),
    ends=st.sets(st.tuples(st.integers(0, 60), st.integers(0, 2)), max_size=20), priority=st.sampled_from([0.0, 0.5]),
)  # fmt: skip
def test_the_ring_never_mixes_old_and_new(rows, capacity, n_step, steps, ends, priority):
    stream = Stream(rows, truncated={(t, r) for t, r in ends if (t - 1, r) not in ends})
    replay = stream.into(Replay(capacity, n_step, GAMMA, priority), steps)
    newest = steps - n_step  # the first time whose n-step sum is not known yet
    drawable = range(max(0, newest - -(-capacity // rows)), newest)
    if not any(not stream.ends(t - 1, r) for t in drawable for r in range(rows)):
        return
    batch = replay.sample(40, np.random.default_rng(steps))
    for i, (time, row) in enumerate(zip(*where(batch), strict=True)):
        reward, behind, _ = stream.expected(time, row, n_step)
        assert time < newest and not stream.ends(time - 1, row)
        assert batch.next_observation[i, 0] == 1000 * row + behind and batch.reward[i] == pytest.approx(reward)


@pytest.mark.parametrize("priority", [0.0, 0.6])
def test_all_of_the_last_capacity_steps_are_drawn_and_the_oldest_are_not(priority):
    replay = Stream(2).into(Replay(20, 3, GAMMA, priority), 50)
    drawn = set(where(replay.sample(4000, np.random.default_rng(1)))[0].tolist())
    assert drawn == set(range(37, 47))  # 10 slots of 2 rows; times 47 to 49 wait for what follows them


@pytest.mark.parametrize("priority", [0.0, 0.6])
def test_steps_that_only_begin_an_episode_are_never_drawn(priority):
    stream = Stream(2, truncated={(t, 0) for t in range(0, 40, 2)})  # every other step of row 0 is none
    times, rows = where(stream.into(Replay(100, 1, GAMMA, priority), 41).sample(2000, np.random.default_rng(2)))
    assert set(times[rows == 0]) == set(range(0, 40, 2))
    assert set(times[rows == 1]) == set(range(40))


def test_even_draws_are_even():
    replay = Stream(2).into(Replay(20, 1, GAMMA, 0.0), 50)
    times, rows = where(replay.sample(40_000, np.random.default_rng(3)))
    counts = np.bincount((times - times.min()) * 2 + rows)
    assert len(counts) == 20 and np.all(np.abs(counts - 2000) < 200)


def test_a_step_is_drawn_once_what_follows_it_is_known():
    stream, replay = Stream(2), Replay(20, 3, GAMMA, 0.0)
    lengths = []
    for _ in range(5):
        replay.add(stream.step())
        lengths.append(len(replay))
    assert lengths == [0, 0, 0, 2, 4]
    assert len(Replay(20, 3, GAMMA, 0.0)) == 0 and len(stream.into(replay, 30)) == 20


def prioritised(errors, exponent=0.5):
    """A replay of as many steps as there are errors, told them."""
    stream = Stream(1)
    replay = stream.into(Replay(64, 1, GAMMA, exponent), len(errors) + 1)
    replay.set_errors(np.arange(len(errors)), np.asarray(errors))
    return replay


def test_draws_are_as_frequent_as_the_priorities_say():
    errors = np.array([4.0, -1.0, 0.0, 9.0, 0.25])
    times, _ = where(prioritised(errors).sample(50_000, np.random.default_rng(4)))
    expected = np.sqrt(np.abs(errors)) / np.sqrt(np.abs(errors)).sum()
    np.testing.assert_allclose(np.bincount(times, minlength=5) / 50_000, expected, atol=0.005)


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_weights_undo_the_priorities_by_beta_and_are_at_most_1(beta):
    errors = np.array([4.0, 1.0, 9.0])
    batch = prioritised(errors).sample(300, np.random.default_rng(5), beta)
    expected = (np.sqrt(errors) / np.sqrt(errors).sum()) ** -beta
    np.testing.assert_allclose(batch.weight, (expected / expected.max())[where(batch)[0]], rtol=1e-5)


def test_with_beta_1_weighted_means_are_those_of_even_draws():
    values = np.array([1.0, 5.0, -2.0, 0.5])
    batch = prioritised([0.1, 4.0, 1.0, 2.0], exponent=1.0).sample(100_000, np.random.default_rng(6), 1.0)
    assert np.average(values[where(batch)[0]], weights=batch.weight) == pytest.approx(values.mean(), abs=0.05)


def test_even_draws_all_weigh_1():
    assert (Stream(2).into(Replay(20, 1, GAMMA, 0.0), 9).sample(50, np.random.default_rng(0), 0.3).weight == 1).all()


def test_a_new_step_gets_the_highest_priority_so_far():
    stream = Stream(1)
    replay = stream.into(Replay(64, 1, GAMMA, 1.0), 4)
    replay.set_errors(np.array([0, 1, 2]), np.array([7.0, 0.0, 0.0]))
    stream.into(replay, 1)  # step 3 can be drawn now
    times, _ = where(replay.sample(10_000, np.random.default_rng(7)))
    np.testing.assert_allclose(np.bincount(times, minlength=4) / 10_000, [0.5, 0, 0, 0.5], atol=0.01)


@pytest.mark.parametrize("priority", [0.0, 0.6])
@pytest.mark.parametrize("steps", [0, 2, 16, 31])
def test_a_state_taken_over_goes_on_alike(priority, steps):
    ours, theirs = Stream(3, **ENDS), Stream(3, **ENDS)
    replay = ours.into(Replay(36, 2, GAMMA, priority), steps)
    other = Replay(36, 2, GAMMA, priority)
    other.set_state(replay.get_state())
    theirs.time = ours.time
    for stream, one in ((ours, replay), (theirs, other)):
        stream.into(one, 7)
        one.set_errors(one.sample(9, np.random.default_rng(8)).index, np.linspace(0, 3, 9))
    first, second = (one.sample(100, np.random.default_rng(9), 0.4) for one in (replay, other))
    for name, values in vars(first).items():
        np.testing.assert_array_equal(getattr(second, name), values, err_msg=name)
    assert len(other) == len(replay) > 0


def test_a_state_holds_no_more_than_was_written():
    replay = Stream(2).into(Replay(1000, 1, GAMMA, 0.0), 5)
    assert {len(values) for values in replay.get_state()["data"].values()} == {5}
    Stream(2).into(replay, 600)
    assert {len(values) for values in replay.get_state()["data"].values()} == {502}


def test_a_state_from_before_the_first_step_is_taken_over():
    replay = Replay(20, 1, GAMMA, 0.5)
    replay.set_state(Replay(20, 1, GAMMA, 0.5).get_state())
    assert len(Stream(2).into(replay, 6)) == 10


def test_a_state_is_a_copy():
    stream = Stream(1)
    replay = stream.into(Replay(8, 1, GAMMA, 0.5), 5)
    state = replay.get_state()
    kept = {name: values.copy() for name, values in state["data"].items()} | {"tree": state["tree"].copy()}
    stream.into(replay, 6)
    replay.set_errors(np.array([0]), np.array([99.0]))
    for name, values in (state["data"] | {"tree": state["tree"]}).items():
        np.testing.assert_array_equal(values, kept[name])


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 40),
    changes=st.lists(st.lists(st.tuples(st.integers(0, 39), st.floats(0, 100)), min_size=1, max_size=8), max_size=8),
    seed=st.integers(0, 99),
)
def test_the_sum_tree_finds_what_a_running_sum_finds(size, changes, seed):
    tree, naive = SumTree(size), np.zeros(size)
    for change in changes:
        # The last one wins where a leaf is named twice; fewer digits, so that the two ways of summing agree.
        chosen = {index % size: round(priority, 2) for index, priority in change}
        index, priority = np.array(list(chosen)), np.array(list(chosen.values()))
        tree.set(index, priority)
        naive[index] = priority
    np.testing.assert_array_equal(tree.get(np.arange(size)), naive)
    total = naive.sum()
    assert tree.nodes[1] == pytest.approx(total)
    if total > 0:
        mass = np.random.default_rng(seed).random(50) * total
        cumulative = naive.cumsum()
        clear = np.abs(mass[:, None] - cumulative).min(axis=1) > 1e-6
        found = tree.find(mass)
        np.testing.assert_array_equal(found[clear], np.searchsorted(cumulative, mass[clear], side="right"))
        assert (naive[found] > 0).all()  # never a leaf without priority, whatever is rounded
        assert (naive[tree.find(np.array([0.0, total]))] > 0).all()


def stacked(stream, steps, length):
    """What `length` steps side by side are, in a stream's times and rows (times, rows, length)."""
    seen = np.zeros((steps + 1, stream.rows, length))
    for row in range(stream.rows):
        for time in range(steps + 1):
            began = time == 0 or (time > 1 and stream.ends(time - 2, row))  # the step before only began an episode
            newest = 1000.0 * row + time
            seen[time, row] = newest if began else [*seen[time - 1, row, 1:], newest]
    return seen


@pytest.mark.parametrize("priority", [0.0, 0.6])
@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("length", [2, 4])
@pytest.mark.parametrize("steps", [11, 12, 13, 16, 17, 18, 31])  # before the ring is full, and after it went round
def test_steps_side_by_side_are_held_once_and_drawn_whole(priority, n_step, length, steps):
    stream = Stream(3, **ENDS)
    replay, seen = Replay(30, n_step, GAMMA, priority, stacked=length), stacked(stream, 40, length)
    for time in range(steps):
        replay.add(replace(stream.step(), observation=seen[time], next_observation=None))
    assert replay._data["observation"].shape[-1] == 1
    batch = replay.sample(400, np.random.default_rng(0))
    newest = batch.observation[:, -1].astype(int)
    times, rows = newest % 1000, newest // 1000
    assert len(set(zip(times, rows, strict=True))) == len(replay) > 10
    np.testing.assert_array_equal(batch.observation, seen[times, rows])
    behind = [stream.expected(time, row, n_step)[1] for time, row in zip(times, rows, strict=True)]
    np.testing.assert_array_equal(batch.next_observation, seen[behind, rows])
    held = replay.held("observation")
    newest = held[:, -1].astype(int)
    np.testing.assert_array_equal(held, seen[newest % 1000, newest // 1000])
    assert not any(stream.ends(time - 1, row) for time, row in zip(newest % 1000, newest // 1000, strict=True))


def test_pictures_side_by_side_are_drawn_whole():
    stream, shades = Stream(3, **ENDS), np.arange(12.0).reshape(2, 3, 1, 2) / 100.0
    replay, seen = Replay(30, 1, GAMMA, 0.0, stacked=3), stacked(stream, 20, 3)
    pictures = (seen[..., None, None, :, None] + shades).reshape(*seen.shape[:2], 2, 3, 6)  # each step has two channels
    for time in range(20):
        replay.add(replace(stream.step(), observation=pictures[time], next_observation=None))
    drawn = replay.sample(100, np.random.default_rng(0)).observation
    newest = drawn[:, 0, 0, -2].astype(int)
    np.testing.assert_array_equal(drawn, pictures[newest % 1000, newest // 1000])


def test_a_sample_has_what_was_asked_for():
    replay = Stream(2).into(Replay(20, 1, GAMMA, 0.0), 9)
    all_of_it = replay.sample(50, np.random.default_rng(0))
    batch = replay.sample(50, np.random.default_rng(0), wanted=("next_observation",))
    assert batch.observation is None and batch.state is None and batch.next_state is None
    np.testing.assert_array_equal(batch.next_observation, all_of_it.next_observation)
    np.testing.assert_array_equal(batch.reward, all_of_it.reward)
