"""How good a policy is: whole episodes of a vector environment, without exploring."""

import numpy as np

from control_bench.controllers.base import Learner


def evaluate(learner: Learner, envs, seed: int) -> np.ndarray:
    """The reward of the first episode of every row of a vector environment (rows,), acting greedily."""
    observation, _ = envs.reset(seed=seed, options={"once": True})  # an env that knows no such option plays on
    total, alive = np.zeros(envs.num_envs), np.ones(envs.num_envs, dtype=bool)
    while alive.any():
        observation, reward, terminated, truncated, _ = envs.step(learner.greedy(observation))
        total += np.where(alive, reward, 0.0)
        alive &= ~(terminated | truncated)
    return total
