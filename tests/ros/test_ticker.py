"""Real time's rule: what reaches the controller of judgements that come between ticks. Needs no master."""

from types import SimpleNamespace

from control_bench.ros.ticker import Ticker


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


def test_what_is_told_again_while_time_stands_still_is_answered_again_and_is_no_step():
    actor, clock, _ = ticker(learning=True)
    clock.judge(5, judgement(0))
    assert clock.tick("a") == (1, False)
    clock.judge(5, judgement(0))
    assert clock.tick("a", again=True) == (1, False)
    clock.judge(6, judgement(1, reward=2.0))
    assert clock.tick("b") == (2, False)
    assert actor.told == [("begin", ("a", True), 7), ("step", ("b", False), 2.0, False, False)]


def test_an_episode_can_begin_with_what_was_told_before_its_judgement():
    actor, clock, tell = ticker(learning=True)
    assert clock.tick("a") == (None, False)
    assert clock.tick("a", again=True) == (None, False)
    tell(judgement(0))
    assert clock.tick("a", again=True) == (1, False)
    assert actor.told == [("begin", ("a", True), 7)]
