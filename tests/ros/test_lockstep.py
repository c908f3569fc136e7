"""Lockstep's rules: when the world moves on, and which moments a controller answers. Needs no master."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.ros.lockstep import Lockstep
from control_bench.ros.responder import Responder

STEP, GO, START = 10, np.ones(2), np.zeros(3)


def playing(robots=1):
    """Robots at the first moment of an episode each."""
    one = Lockstep(robots, 0, STEP)
    for robot in range(robots):
        one.reset(robot, START, seed=robot)
    starts, commands = one.move_on()
    assert sorted(starts) == list(range(robots)) and not commands
    return one


def pay(one, robot=0, ended=False):
    one.judge(robot, one.stamp, ended)
    one.command(robot, GO)


@pytest.mark.parametrize("judgement_first", [True, False])
def test_a_moment_needs_a_judgement_and_a_command_in_any_order(judgement_first):
    one = playing()
    first, second = (lambda: one.judge(0, STEP, False)), (lambda: one.command(0, GO))
    if not judgement_first:
        first, second = second, first
    assert not one.ready()
    first()
    assert not one.ready()
    second()
    assert one.ready()
    assert one.move_on() == ({}, {0: GO}) and one.stamp == 2 * STEP


def test_a_judgement_of_another_moment_and_a_second_command_are_of_no_account():
    one = playing()
    one.judge(0, 0, False)
    one.command(0, GO)
    one.command(0, 2 * GO)
    assert one.owing() == {"judgement": [0], "command": []} and not one.ready()
    one.judge(0, STEP, False)
    assert one.move_on()[1][0] is GO


def test_the_answer_to_a_last_moment_moves_nothing_but_is_waited_for():
    one = playing()
    one.judge(0, STEP, True)
    one.reset(0, START, 7)
    assert not one.ready() and one.owing() == {"judgement": [], "command": [0]}
    one.command(0, GO)
    assert one.ready() and one.next_stamp == 2 * STEP
    assert one.move_on() == ({0: (START, 7)}, {})


def test_a_robot_whose_episode_is_over_is_not_waited_for():
    one = playing(2)
    pay(one, 0, ended=True)
    pay(one, 1)
    assert one.move_on()[1].keys() == {1}
    assert not one.ready()
    pay(one, 1, ended=True)
    assert not one.ready() and one.owing() == {"judgement": [], "command": []}


def test_an_episode_cut_short_leaves_a_gap_and_owes_no_judgement():
    one = playing()
    pay(one)
    one.move_on()
    one.reset(0, START, 7)
    assert not one.ready() and one.owing() == {"judgement": [], "command": [0]}
    one.command(0, GO)
    assert one.ready() and one.next_stamp == 4 * STEP
    assert one.move_on() == ({0: (START, 7)}, {}) and one.stamp == 4 * STEP
    pay(one)
    one.move_on()
    assert one.stamp == 5 * STEP


def test_a_first_moment_that_nobody_judged_owes_nothing_when_it_is_cut_short():
    one = playing()
    one.reset(0, START, 7)
    assert one.ready() and one.next_stamp == 3 * STEP
    one = playing()
    one.judge(0, STEP, False)
    one.reset(0, START, 7)
    assert not one.ready()


def test_a_reset_waits_no_more_for_a_controller_that_is_gone():
    one = playing(2)
    one.judge(0, STEP, False)
    one.reset(0, START, 7)
    pay(one, 1)
    assert not one.ready()
    one.forgive(0)
    assert one.ready()
    starts, commands = one.move_on()
    assert starts.keys() == {0} and commands.keys() == {1} and one.stamp == 3 * STEP


def judgement(step, ended=False, seed=5, reward=1.0):
    return SimpleNamespace(step=step, reward=reward, terminated=ended, truncated=False, seed=seed)


class Recorder:
    """An actor whose actions tell what it was told."""

    def __init__(self, learning):
        self.learning = learning

    def begin(self, observation, seed):
        return ("begin", *observation, seed)

    def step(self, observation, reward, terminated, truncated):
        return None if terminated or truncated else ("step", *observation, reward)


def responder(learning=False):
    return Responder(Recorder(learning), lambda readings, first: (readings, first), STEP)


def test_without_learning_a_moment_is_answered_before_it_is_judged():
    one = responder()
    one.sense(10, "a")
    assert list(one.actions()) == []  # an episode may begin here
    one.judge(10, judgement(0))
    assert list(one.actions()) == [("begin", "a", True, 5)]
    one.sense(20, "b")
    assert list(one.actions()) == [("step", "b", False, 0.0)]
    one.judge(20, judgement(1, ended=True))
    one.sense(30, "c")
    assert list(one.actions()) == []
    one.judge(30, judgement(0, seed=6))
    assert list(one.actions()) == [("begin", "c", True, 6)]


def test_a_learner_waits_for_every_judgement():
    one = responder(learning=True)
    one.sense(10, "a")
    one.judge(10, judgement(0))
    assert list(one.actions()) == [("begin", "a", True, 5)]
    one.sense(20, "b")
    assert list(one.actions()) == []
    one.judge(20, judgement(1, reward=0.5))
    assert list(one.actions()) == [("step", "b", False, 0.5)]
    one.sense(30, "c")
    one.judge(30, judgement(2, ended=True))
    assert list(one.actions()) == [None]


@pytest.mark.parametrize("learning", [True, False])
def test_one_that_joins_in_mid_episode_keeps_still_until_the_next(learning):
    one = responder(learning)
    one.sense(10, "a")
    one.judge(10, judgement(57))
    assert list(one.actions()) == [None]
    one.sense(30, "b")
    one.judge(30, judgement(0))
    assert list(one.actions()) == [("begin", "b", True, 5)]


def test_after_a_gap_a_moment_is_not_taken_for_the_next_of_the_episode():
    one = responder()
    one.sense(10, "a")
    one.judge(10, judgement(0))
    assert len(list(one.actions())) == 1
    one.sense(30, "b")
    assert list(one.actions()) == []
    one.judge(30, judgement(0, seed=6))
    assert list(one.actions()) == [("begin", "b", True, 6)]


def test_a_moment_that_is_never_judged_holds_nothing_up():
    one = responder(learning=True)
    one.sense(10, "a")
    one.sense(30, "b")
    one.judge(30, judgement(0))
    assert list(one.actions()) == [("begin", "b", True, 5)]


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans(), st.randoms(use_true_random=False))
def test_answers_do_not_depend_on_which_of_sensors_and_judgements_run_ahead(lengths, learning, random):
    # Episodes of some lengths one after the other; each topic is in order, their interleaving is not.
    moments = [(step, length) for length in lengths for step in range(length + 1)]
    events = {
        "sense": [(10 * i, f"m{i}") for i in range(1, len(moments) + 1)],
        "judge": [
            (10 * i, judgement(step, ended=step == length, seed=i)) for i, (step, length) in enumerate(moments, 1)
        ],
    }
    straight, mixed = responder(learning), responder(learning)
    expected, answers = [], []
    for sensed, judged in zip(events["sense"], events["judge"], strict=True):
        straight.sense(*sensed)
        straight.judge(*judged)
        expected += straight.actions()
    while events["sense"] or events["judge"]:
        kind = random.choice([kind for kind in events if events[kind]])
        getattr(mixed, kind)(*events[kind].pop(0))
        answers += mixed.actions()
    assert answers == expected and len(answers) == len(moments)
