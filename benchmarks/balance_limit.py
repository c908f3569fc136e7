#!/usr/bin/env python3
"""How many pushes can be saved at all: a planner that tries things out in the simulator itself, start by start.

By hand: `python benchmarks/balance_limit.py [article]` (some minutes on one core). A start counts as saved if linear
feedback saves it, or if the cross-entropy method finds forces for the first steps from which linear feedback does.
These are the episodes that the results table judges by. What is not found may still be there: it is a lower bound.
"""

import sys
from pathlib import Path

import numpy as np

from control_bench.bench.episode import episode_seed
from control_bench.controllers.linear import Linear
from control_bench.env import TaskEnv
from control_bench.learning.checkpoint import load
from control_bench.registry import make_task
from control_bench.resources import share

EPISODES, JUDGED_SEED = 100, 12345
PLANNED, CANDIDATES, ELITE, GENERATIONS = 12, 32, 8, 8
"""Steps that are planned; and how."""


def length(env: TaskEnv, feedback: Linear, seed: int, plan: np.ndarray) -> int:
    """Steps that an episode lasts under planned actions (steps, 2) and then feedback."""
    observation, _ = env.reset(seed=seed)
    steps, over = 0, False
    while not over:
        action = plan[steps] if steps < len(plan) else feedback.act(observation)
        observation, _, terminated, truncated, _ = env.step(action)
        steps, over = steps + 1, terminated or truncated
    return steps


def saved(env: TaskEnv, feedback: Linear, seed: int, rng: np.random.Generator) -> int:
    """The longest that was found for a start."""
    best = length(env, feedback, seed, np.zeros((0, 2)))
    mean, deviation = np.zeros((PLANNED, 2)), np.ones((PLANNED, 2))
    for _ in range(GENERATIONS):
        if best == env.task.settings.longest:
            break
        plans = np.clip(mean + deviation * rng.standard_normal((CANDIDATES, PLANNED, 2)), -1.0, 1.0)
        lengths = np.array([length(env, feedback, seed, plan) for plan in plans])
        best = max(best, int(lengths.max()))
        elite = plans[np.argsort(-lengths, kind="stable")[:ELITE]]
        mean, deviation = elite.mean(axis=0), elite.std(axis=0) + 0.05
    return best


def main() -> None:
    fidelity = sys.argv[1] if len(sys.argv) > 1 else "default"
    env = TaskEnv(make_task("balance", {"actions": "continuous", "fidelity": fidelity}))
    feedback, rng = Linear(env.observation_space, env.action_space), np.random.default_rng(0)
    feedback.set_policy(load(Path(share()) / "policies" / "balance" / "linear.pt")["policy"])
    lengths = []
    for index in range(EPISODES):
        lengths.append(saved(env, feedback, episode_seed(JUDGED_SEED, index), rng))
        print(f"start {index}: {lengths[-1]}; so far {np.mean(np.array(lengths) == 200):.0%} saved", flush=True)
    print(f"{fidelity}: {np.mean(np.array(lengths) == 200):.0%} saved, mean length {np.mean(lengths):.1f}")


if __name__ == "__main__":
    main()
