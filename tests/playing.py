"""What learners are tried on: steps drawn at random, and a task so small that learning it takes a second."""

import numpy as np
from gymnasium import spaces

from control_bench.controllers.base import Transitions


def drawn(rng, space, rows):
    """Elements (rows, ...) of a bounded Box, or of a Discrete space from 0."""
    if isinstance(space, spaces.Discrete):
        return rng.integers(0, space.n, rows)
    return rng.uniform(space.low, space.high, (rows, *space.shape)).astype(space.dtype)


def feed(learner, steps, rows=1, seed=7, ends=0.1):
    """Random steps, each beginning where the last one led."""
    rng = np.random.default_rng(seed)
    here = drawn(rng, learner.observation_space, rows)
    for _ in range(steps):
        there, action = drawn(rng, learner.observation_space, rows), drawn(rng, learner.action_space, rows)
        reward, ended, cut = rng.normal(0.0, 2.0, rows), rng.random(rows) < ends, rng.random(rows) < ends
        learner.learn(Transitions(here, action, reward, there, ended, cut, np.ones(rows, dtype=bool)))
        here = there


def play(learner, steps, rows=2, seed=7):
    """Random steps whose actions are the learner's own."""
    rng = np.random.default_rng(seed)
    here = drawn(rng, learner.observation_space, rows)
    for _ in range(steps):
        there, ended = drawn(rng, learner.observation_space, rows), rng.random(rows) < 0.1
        action, none = learner.explore(here), np.zeros(rows, bool)
        learner.learn(Transitions(here, action, action.reshape(rows, -1).sum(axis=1), there, ended, none, ~none))
        here = there


def record(learner):
    """The batches that the learner will draw and the errors that it tells of them, as a list that fills."""
    told, sample = [], learner.replay.sample
    learner.replay.sample = lambda *args: told.append([sample(*args), None]) or told[-1][0]
    learner.replay.set_errors = lambda index, errors: told[-1].__setitem__(1, errors)
    return told


def numeric_gradient(loss, variables, *rest):
    """Of loss(variables, *rest) by each of the variables, by central differences in double precision."""
    gradient = {name: np.zeros(value.shape) for name, value in variables.items()}
    for name, value in variables.items():
        for place in np.ndindex(value.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = value.astype(np.float64)
                moved[place] += step
                sides.append(loss(variables | {name: moved}, *rest))
            gradient[name][place] = (sides[0] - sides[1]) / 2e-5
    return gradient


class Beam:
    """Rows of a point on -1..1, moved by up to 0.2 to the left or right; it earns -|x|, and ends after 12 steps, or
    the row's own share of them."""

    def __init__(self, rows, seed, actions="discrete", longest=12):
        self.rng, self.middle = np.random.default_rng(seed), 1 if actions == "discrete" else 0
        self.x, self.steps = self.rng.uniform(-1, 1, (rows, 1)).astype(np.float32), np.zeros(rows, dtype=int)
        self.longest, self.ended = np.broadcast_to(longest, rows), np.zeros(rows, dtype=bool)

    def step(self, action):
        """The transitions of one step, in the order of a vector environment in NEXT_STEP mode."""
        here, valid = self.x, ~self.ended
        moved = np.clip(here + 0.2 * (action.reshape(-1, 1) - self.middle), -1, 1)
        self.x = np.where(valid[:, None], moved, self.rng.uniform(-1, 1, here.shape)).astype(np.float32)
        self.steps = np.where(valid, self.steps + 1, 0)
        self.ended = self.steps == self.longest
        reward = np.where(valid, -np.abs(self.x[:, 0]), 0.0).astype(np.float64)
        return Transitions(here, action, reward, self.x, np.zeros(len(valid), dtype=bool), self.ended, valid)


def train(learner, env, steps):
    """The learner, after so many steps of its own on a Beam."""
    for _ in range(steps):
        learner.learn(env.step(learner.explore(env.x)))
    return learner


def score(learner):
    """What an episode of Beam earns by the best known actions, on average over 40; driving straight to 0 earns about
    -1.1, in discrete steps -1.3."""
    env = Beam(40, 123, "discrete" if isinstance(learner.action_space, spaces.Discrete) else "continuous")
    total = 0.0
    while not env.ended.all():
        total += env.step(learner.greedy(env.x)).reward.mean()
    return total
