"""Runs episodes in-process: a controller on a task, from the run's seeds, recorded and stored as they end."""

import time
from collections.abc import Callable

import numpy as np

from control_bench.bench.episode import Episode, Run, episode_seed
from control_bench.bench.store import Store
from control_bench.controllers.actor import Actor
from control_bench.env import TaskEnv


def run_episode(env: TaskEnv, actor: Actor, index: int, seed: int) -> Episode:
    """One episode, started from `seed`, with every reading, action and reward."""
    started = time.perf_counter()
    observation, info = env.reset(seed=seed)
    asked = time.perf_counter()
    action, deciding = actor.begin(observation, seed), [time.perf_counter() - asked]
    readings, actions, rewards = [info["readings"]], [], []
    while action is not None:
        observation, reward, terminated, truncated, info = env.step(action)
        readings.append(info["readings"])
        actions.append(action)
        rewards.append(reward)
        asked = time.perf_counter()
        action = actor.step(observation, reward, terminated, truncated)
        if action is not None:
            deciding.append(time.perf_counter() - asked)
    timed = {"planning_time": float(np.mean(deciding))} if env.task.timed else {}
    return Episode(
        index, seed, info["outcome"], info["scores"] | timed, time.perf_counter() - started,
        np.array(rewards), np.array(actions),
        {name: np.array([one[name] for one in readings]) for name in readings[0]},
    )  # fmt: skip


def run_episodes(
    env: TaskEnv,
    actor: Actor,
    run: Run,
    episodes: int,
    store: Store | None = None,
    report: Callable[[Episode], None] = lambda episode: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Episode]:
    """Episodes 0, 1, ... of a run, each stored and reported when it ends; `stop()` is asked between two."""
    done = []
    if store is not None:
        store.add_run(run)
    for index in range(episodes):
        if stop():
            break
        episode = run_episode(env, actor, index, episode_seed(run.seed, index))
        if store is not None:
            store.add_episode(run, episode)
        done.append(episode)
        report(episode)
    return done
