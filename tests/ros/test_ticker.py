"""Real time's rule: what reaches the controller of judgements that come between ticks. Needs no master."""

from types import SimpleNamespace

import pytest

from control_bench.ros.ticker import REST, Ticker


def judgement(step, reward=0.0, terminated=False, truncated=False, seed=7):
    return SimpleNamespace(step=step, reward=reward, terminated=terminated, truncated=truncated, seed=seed)


class Told:
    """Judgements, each of a moment of its own."""

    def __init__(self, clock):
        self.clock, self.stamp = clock, 0

    def __call__(self, one):
        self.stamp += 1
        self.clock.judge(self.stamp, one)


class Recorder:
    """An actor that notes what it is told; its actions count up."""

    def __init__(self, learning):
        self.learning, self.told, self.actions = learning, [], 0

    def begin(self, observation, seed):
        self.told.append(("begin", observation, seed))
        self.actions += 1
        return self.actions

    def step(self, observation, reward, terminated, truncated):
        self.told.append(("step", observation, reward, terminated, truncated))
        self.actions += 1
        return None if terminated or truncated else self.actions


def ticker(learning):
    actor = Recorder(learning)
    clock = Ticker(actor, lambda readings, first: (readings, first))
    return actor, clock, Told(clock)


def test_unjudged_it_begins_once_and_acts_at_every_tick():
    actor, clock, _ = ticker(learning=False)
    assert [clock.tick(n) for n in "abc"] == [(1, False), (2, False), (3, False)]
    assert actor.told == [
        ("begin", ("a", True), 0), ("step", ("b", False), 0, False, False), ("step", ("c", False), 0, False, False),
    ]  # fmt: skip


def test_rewards_between_two_ticks_add_up():
    actor, clock, tell = ticker(learning=True)
    tell(judgement(0))
    assert clock.tick("a") == (1, False)
    for step in (1, 2):
        tell(judgement(step, reward=1.5))
    clock.tick("b")
    assert actor.told == [("begin", ("a", True), 7), ("step", ("b", False), 3.0, False, False)]


def test_a_learner_waits_for_a_judge_and_from_an_end_to_the_next_beginning():
    actor, clock, tell = ticker(learning=True)
    assert clock.tick("a") == (None, False) and actor.told == []
    tell(judgement(0))
    clock.tick("b")
    tell(judgement(1, reward=-1.0, terminated=True))
    assert clock.tick("c") == (None, True)
    assert clock.tick("d") == (None, False)
    tell(judgement(0, seed=8))
    assert clock.tick("e") == (3, False)
    assert actor.told == [
        ("begin", ("b", True), 7), ("step", ("c", False), -1.0, True, False), ("begin", ("e", True), 8),
    ]  # fmt: skip


def test_an_end_and_a_beginning_between_two_ticks_are_both_told_and_no_reward_counts_twice():
    actor, clock, tell = ticker(learning=True)
    tell(judgement(0))
    clock.tick("a")
    for one in (judgement(1, 1.0, truncated=True), judgement(0, seed=8), judgement(1, 0.5)):
        tell(one)
    assert clock.tick("b") == (3, True)
    clock.tick("c")
    assert actor.told[1:] == [
        ("step", ("b", False), 1.0, False, True), ("begin", ("b", True), 8), ("step", ("c", False), 0.5, False, False),
    ]  # fmt: skip


def test_an_episode_begun_anew_in_its_middle_earns_nothing_of_the_old_one():
    actor, clock, tell = ticker(learning=True)
    tell(judgement(0))
    clock.tick("a")
    for one in (judgement(1, 1.0), judgement(0, seed=7)):
        tell(one)
    assert clock.tick("b") == (2, False)
    assert actor.told[1:] == [("begin", ("b", True), 7)]


def test_after_an_interruption_a_rule_begins_again():
    actor, clock, _ = ticker(learning=False)
    clock.tick("a")
    clock.interrupt()
    assert clock.tick("b") == (2, False)
    assert actor.told[1:] == [("begin", ("b", True), 0)]


# Where every moment is a step.


def test_one_who_learns_acts_once_a_moment_is_judged_and_once_though_it_is_told_again():
    actor, clock, _ = ticker(learning=True)
    assert clock.step("a", 5) == (None, False) and actor.told == []
    for _ in range(2):
        clock.judge(5, judgement(0))
        assert clock.step("a", 5) == (1, False)
    assert clock.step("b", 6) == (None, False)
    clock.judge(6, judgement(1, reward=2.0, truncated=True))
    assert clock.step("b", 6) == (None, True)
    assert clock.step("c", 7) == (None, False)
    assert actor.told == [("begin", ("a", True), 7), ("step", ("b", False), 2.0, False, True)]


def test_one_who_does_not_learn_acts_at_once_and_again_where_an_episode_begins():
    actor, clock, _ = ticker(learning=False)
    assert clock.step("a", 5) == clock.step("a", 5) == (1, False)
    clock.judge(5, judgement(0))
    assert clock.step("a", 5) == clock.step("a", 5) == (2, False)
    assert clock.step("b", 6) == (3, False)
    assert actor.told == [
        ("begin", ("a", True), 0), ("begin", ("a", True), 7), ("step", ("b", False), 0.0, False, False),
    ]  # fmt: skip


@pytest.mark.parametrize("learning", [False, True])
def test_an_episode_does_not_begin_with_readings_from_before_its_reset(learning):
    actor, clock, _ = ticker(learning)
    clock.judge(9, judgement(0))
    clock.step("old", 8)
    assert ("begin", ("old", True), 7) not in actor.told
    clock.step("new", 9)
    assert actor.told[-1] == ("begin", ("new", True), 7)


def test_what_was_judged_of_a_moment_that_was_not_seen_counts_with_the_next():
    actor, clock, _ = ticker(learning=True)
    clock.judge(5, judgement(0))
    clock.step("a", 5)
    for stamp in (6, 7, 8):
        clock.judge(stamp, judgement(stamp - 5, reward=1.0))
    assert clock.step("c", 7) == (2, False)
    assert actor.told[-1] == ("step", ("c", False), 2.0, False, False)
    clock.step("d", 8)
    assert actor.told[-1] == ("step", ("d", False), 1.0, False, False)


def test_one_who_learns_by_judgements_that_come_late_acts_on_what_they_are_of():
    actor, clock, _ = ticker(learning=True)
    for stamp, seen in enumerate("abcd", start=5):
        clock.step(seen, stamp)
    clock.judge(5, judgement(0))
    assert clock.step("d", 8) == (1, False) and clock.acted == 5
    clock.judge(6, judgement(1, reward=1.0, truncated=True))
    assert clock.step("d", 8) == (None, True)
    clock.judge(8, judgement(0, seed=8))
    assert clock.step("d", 8) == (3, False) and clock.step("e", 9) == (None, False)
    assert actor.told == [
        ("begin", ("a", True), 7), ("step", ("b", False), 1.0, False, True), ("begin", ("d", True), 8),
    ]  # fmt: skip


def test_one_who_learns_and_is_behind_acts_on_the_newest_but_passes_no_end_over():
    actor, clock, _ = ticker(learning=True)
    clock.judge(5, judgement(0))
    clock.step("a", 5)
    for stamp, seen in enumerate("bcde", start=6):
        clock.step(seen, stamp)
    for stamp, ended in ((6, False), (7, False), (8, True), (9, False)):
        clock.judge(stamp, judgement(0 if stamp == 9 else stamp - 5, reward=1.0, terminated=ended))
    assert clock.step("e", 9) == (None, True) and clock.step("e", 9) == (3, False)
    assert actor.told[1:] == [("step", ("d", False), 3.0, True, False), ("begin", ("e", True), 7)]


def test_an_end_whose_moment_was_not_seen_is_told_with_the_next_one_not_with_the_next_episode():
    actor, clock, _ = ticker(learning=True)
    clock.judge(5, judgement(0))
    clock.step("a", 5)
    clock.judge(6, judgement(1, reward=1.0, truncated=True))
    assert clock.step("c", 7) == (None, True)
    assert actor.told[-1] == ("step", ("c", False), 1.0, False, True)


def test_after_an_episode_one_waits_for_the_next_for_a_while():
    actor, clock, _ = ticker(learning=False)
    clock.judge(5, judgement(0))
    clock.step("a", 5)
    clock.judge(6, judgement(1, terminated=True))
    assert clock.step("b", 6) == (None, True)
    assert clock.step("c", 6 + REST - 1) == (None, False)
    assert clock.step("d", 6 + REST) == (3, False)
    assert actor.told[-1] == ("begin", ("d", True), 0)
    clock.judge(7 + REST, judgement(0, seed=8))
    assert clock.step("e", 7 + REST) == (4, False)
    assert actor.told[-1] == ("begin", ("e", True), 8)
