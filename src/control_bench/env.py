"""A task and its world together: a `gymnasium.Env`, and, stepped many rows at once, a `gymnasium.vector.VectorEnv`.

Both run the same episodes: what a row does depends on its episode's seed alone.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from control_bench.errors import BadInput
from control_bench.tasks.base import Judgement, Task
from control_bench.worlds.spread import SpreadWorld

SEEDS = 2**63 - 1
"""Episode seeds are drawn below this."""


def episode_rngs(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """An episode's two generators: one draws where it starts, one is the world's."""
    start, world = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(start), np.random.default_rng(world)


class _Rows:
    """The rows of a task in its world: starts episodes, steps, and keeps what gymnasium's two classes share."""

    def __init__(self, task: Task, processes: int = 1) -> None:
        self.task = task
        if processes == 1:
            self.world = task.make_world()
        else:
            self.world = SpreadWorld(lambda rows: type(task)(task.settings, rows).make_world(), task.rows, processes)
        self.seeds = np.zeros(task.rows, dtype=np.int64)
        self.readings: dict[str, np.ndarray] = {}

    def begin(self, rows: np.ndarray, seeds: list[int]) -> None:
        """Puts rows (k,) where their new episodes start; their first readings come with the next `settle`."""
        rngs = [episode_rngs(seed) for seed in seeds]
        starts = np.array([self.task.start(rng) for rng, _ in rngs])
        self.world.reset(rows, starts, [rng for _, rng in rngs])
        self.seeds[rows] = seeds

    def settle(self, first: np.ndarray):
        """Reads the sensors: observations (rows, ...) and the judgement of the step that led here."""
        self.readings = self.world.read()
        judgement = self.task.judge(self.readings, first)
        return self.task.observe(self.readings, first), judgement

    def get_state(self) -> dict:
        return {"world": self.world.get_state(), "task": self.task.get_state(), "seeds": self.seeds.copy()}

    def set_state(self, state: dict) -> None:
        self.world.set_state(state["world"])
        self.task.set_state(state["task"])
        self.seeds[:] = state["seeds"]


class TaskEnv(gymnasium.Env):
    """One row of a task. `info` holds the raw `readings` that are recorded and the `episode_seed`, and at the end
    `outcome` and `scores`."""

    metadata = {"render_modes": []}

    def __init__(self, task: Task) -> None:
        self._rows = _Rows(task)
        self.task = task
        self.observation_space, self.action_space = task.observation_space, task.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Starts the episode of `seed`, or the next one of the sequence that the last seed began."""
        super().reset(seed=seed)
        episode_seed = int(self.np_random.integers(SEEDS)) if seed is None else seed
        self._rows.begin(np.array([0]), [episode_seed])
        observation, _ = self._rows.settle(np.array([True]))
        return observation[0], {"readings": self._readings(), "episode_seed": episode_seed}

    def step(self, action):
        """One step: observation, reward, terminated, truncated, info."""
        self._rows.world.step(self.task.command(np.asarray(action)[None]))
        observation, judgement = self._rows.settle(np.array([False]))
        info = {"readings": self._readings(), "episode_seed": int(self._rows.seeds[0])}
        if judgement.ended[0]:
            info |= {"outcome": self.task.outcome(0), "scores": self.task.scores(0)}
        return (
            observation[0], float(judgement.reward[0]),
            bool(judgement.terminated[0]), bool(judgement.truncated[0]), info,
        )  # fmt: skip

    def _readings(self) -> dict[str, np.ndarray]:
        return self.task.record(self._rows.readings)

    def get_state(self) -> dict:
        """All that the coming steps depend on; `set_state` takes it back, in this process or another."""
        return {"rows": self._rows.get_state(), "rng": self.np_random.bit_generator.state}

    def set_state(self, state: dict) -> None:
        self._rows.set_state(state["rows"])
        self.np_random.bit_generator.state = state["rng"]


class TaskVectorEnv(gymnasium.vector.VectorEnv):
    """Many rows of a task, stepped at once; row i of `reset(seed=s)` runs the episodes of `TaskEnv.reset(seed=s + i)`.

    A row whose episode ended starts its next one on the following step, whose action is ignored (NEXT_STEP); after
    `reset(options={"once": True})` it stays out instead, and costs nothing, until the next reset. Where the task has a
    state, `info` holds it (rows, ...).

    Args:
        processes: that step the world, each its share of the rows; more than one only helps where physics is slow.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, task: Task, processes: int = 1) -> None:
        if not isinstance(processes, int) or processes < 1:
            raise BadInput(f"processes: {processes!r} should be a whole number above 0")
        self._rows = _Rows(task, processes)
        self.task, self.num_envs = task, task.rows
        self.single_observation_space, self.single_action_space = task.observation_space, task.action_space
        self.observation_space = batch_space(task.observation_space, task.rows)
        self.action_space = batch_space(task.action_space, task.rows)
        self._ended, self._once = np.zeros(task.rows, dtype=bool), False
        self._rngs: list[np.random.Generator] = []

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None):
        """Starts an episode in every row."""
        if seed is None and not self._rngs:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(seed, int | np.integer):
            seed = [int(seed) + row for row in range(self.num_envs)]
        if seed is not None:
            fresh = np.random.SeedSequence().generate_state(self.num_envs)
            seed = [int(new if one is None else one) for one, new in zip(seed, fresh, strict=True)]
            self._rngs = [np.random.default_rng(one) for one in seed]
        everyone = np.arange(self.num_envs)
        self._rows.begin(everyone, list(seed) if seed is not None else self._next_seeds(everyone))
        self._ended[:] = False
        self._once = bool(options and options.get("once"))
        observation, _ = self._rows.settle(~self._ended)
        return observation, self._info()

    def _next_seeds(self, rows: np.ndarray) -> list[int]:
        return [int(self._rngs[row].integers(SEEDS)) for row in rows]

    def step(self, actions):
        """One step of every row: observations, rewards, terminated, truncated, info, each with a leading axis of
        rows."""
        still = self._ended  # and of these, the rows that begin another episode
        first = still & (not self._once)
        command = self.task.command(np.asarray(actions))
        active = ~still if still.any() else None  # nothing to leave out, as in most steps, saves a tenth of one
        if first.any():
            rows = np.flatnonzero(first)
            self._rows.begin(rows, self._next_seeds(rows))
        self._rows.world.step(command, active)
        observation, j = self._rows.settle(first)
        if active is not None:
            j = Judgement(np.where(active, j.reward, 0.0), j.terminated & active, j.truncated & active)
        self._ended = j.ended | (still & self._once)
        return observation, j.reward, j.terminated, j.truncated, self._info()

    def _info(self) -> dict[str, np.ndarray]:
        return {} if self.task.state_space is None else {"state": self.task.state(self._rows.readings)}

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the processes, where there are any."""
        if isinstance(self._rows.world, SpreadWorld):
            self._rows.world.close()

    def get_state(self) -> dict:
        """As `TaskEnv.get_state`."""
        rngs = [rng.bit_generator.state for rng in self._rngs]
        return {"rows": self._rows.get_state(), "ended": self._ended.copy(), "once": self._once, "rngs": rngs}

    def set_state(self, state: dict) -> None:
        self._rows.set_state(state["rows"])
        self._ended[:], self._once = state["ended"], state["once"]
        self._rngs = [np.random.default_rng(0) for _ in state["rngs"]]
        for rng, value in zip(self._rngs, state["rngs"], strict=True):
            rng.bit_generator.state = value
