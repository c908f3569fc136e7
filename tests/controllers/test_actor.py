"""The actor: an episode at a time, it acts and learns just as the rows of a vector environment do."""

from dataclasses import fields

import numpy as np
import pytest
from gymnasium import spaces

from control_bench.controllers.actor import Actor
from control_bench.controllers.base import Controller, Learner, Transitions
from control_bench.controllers.q_table import QTable, QTableSettings
from control_bench.env import TaskEnv, TaskVectorEnv
from control_bench.errors import BadInput
from control_bench.learning.replay import Replay
from control_bench.tasks.drivebot import Drivebot, DrivebotSettings

SETTINGS = DrivebotSettings(encoder="ordering", max_steps=15, patience=4)
SEED, STEPS = 11, 90


class Recorder(QTable):
    """A Q-table that keeps what it was told."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.told = []

    def learn(self, transitions):
        self.told.append(transitions)
        super().learn(transitions)


def recorder(task):
    return Recorder(task.observation_space, task.action_space, QTableSettings(explore_by="weighted"), seed=3)


def by_vector_env():
    """What a trainer tells a learner in one row of a vector environment."""
    envs = TaskVectorEnv(Drivebot(SETTINGS, rows=1))
    learner = recorder(envs.task)
    observation, _ = envs.reset(seed=SEED)
    ended = np.array([False])
    for _ in range(STEPS):
        action = learner.explore(observation)
        following, reward, terminated, truncated, _ = envs.step(action)
        learner.learn(Transitions(observation, action, reward, following, terminated, truncated, ~ended))
        observation, ended = following, terminated | truncated
    learner.explore(observation)  # the actor has drawn its next action too
    return learner


def by_actor():
    """The same episodes, one after another, through an actor."""
    env = TaskEnv(Drivebot(SETTINGS))
    learner = recorder(env.task)
    actor, seed = Actor(learner, learning=True), SEED
    while len(learner.told) < STEPS:
        observation, info = env.reset(seed=seed)
        action, seed = actor.begin(observation, info["episode_seed"]), None
        while action is not None and len(learner.told) < STEPS:
            action = actor.step(*env.step(action)[:4])
    return learner


def test_learning_by_an_actor_is_told_what_a_vector_environment_tells():
    ours, theirs = by_actor(), by_vector_env()
    invalid = [i for i, one in enumerate(theirs.told) if not one.valid[0]]
    assert len(invalid) >= 4  # several episodes, with a step between each two that is not one
    for mine, yours in zip(ours.told, theirs.told, strict=True):
        for name in (field.name for field in fields(Transitions)):
            np.testing.assert_array_equal(getattr(mine, name), getattr(yours, name), err_msg=name)
    np.testing.assert_array_equal(ours.get_policy()["values"], theirs.get_policy()["values"])
    assert ours.get_state()["rng"] == theirs.get_state()["rng"]


def test_the_step_between_two_episodes_leads_from_the_end_of_one_to_the_start_of_the_next():
    told = by_actor().told
    for before, gap, after in zip(told, told[1:], told[2:], strict=False):
        if not gap.valid[0]:
            assert before.terminated[0] or before.truncated[0]
            assert gap.reward[0] == 0 and not gap.terminated[0] and not gap.truncated[0] and after.valid[0]
        np.testing.assert_array_equal(gap.observation, before.next_observation)
        np.testing.assert_array_equal(after.observation, gap.next_observation)


class Steady(Learner):
    """Goes 0, 1, 2 when it explores, and notes what it is told; greedy it always takes 0."""

    def __init__(self):
        super().__init__(spaces.Box(-9, 9, (1,)), spaces.Discrete(3), seed=0)
        self.replay, self.explored, self.begun = Replay(50, 3, 0.5, 0.0), 0, []

    def begin(self, seed):
        self.begun.append(seed)

    def greedy(self, observation):
        return np.zeros(len(observation), int)

    def explore(self, observation):
        self.explored += 1
        return np.full(len(observation), self.explored % 3)

    def learn(self, transitions):
        self.replay.add(transitions)


def test_without_learning_a_learner_acts_greedily_and_is_told_nothing():
    learner = Steady()
    actor = Actor(learner)
    assert actor.begin(np.zeros(1), 7) == 0 and learner.begun == [7]
    assert actor.step(np.ones(1), 1.0, False, False) == 0
    assert actor.step(np.ones(1), 1.0, True, False) is None and actor.step(np.ones(1), 1.0, False, True) is None
    assert learner.explored == 0 and len(learner.replay) == 0


def test_an_episode_cut_off_without_an_end_is_not_summed_into_the_next():
    # Over ROS a silent robot begins anew in mid-episode: what it earns then is nothing that the old episode led to.
    learner = Steady()
    actor = Actor(learner, learning=True)
    actor.begin(np.array([0.0]), 0)
    actor.step(np.array([1.0]), 1.0, False, False)
    actor.begin(np.array([-5.0]), 1)
    for k in range(4):
        actor.step(np.array([-4.0 + k]), 100.0, False, False)
    batch = learner.replay.sample(64, np.random.default_rng(0))
    old = batch.observation[:, 0] == 0.0
    assert old.any()
    np.testing.assert_array_equal(batch.reward[old], 1.0)
    np.testing.assert_array_equal(batch.next_observation[old], 1.0)
    np.testing.assert_array_equal(batch.ahead[old], 0.5)


def test_a_controller_that_does_not_learn_is_refused():
    class Still(Controller):
        """Does nothing."""

    still = Still(spaces.Discrete(2), spaces.Discrete(2))
    with pytest.raises(BadInput, match="Still does not learn"):
        Actor(still, learning=True)
    assert Actor(still).controller is still
