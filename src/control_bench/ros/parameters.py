"""The nodes' private parameters, with their defaults and meanings, in one place; the launch files' args share the
names."""

import shlex
from dataclasses import dataclass
from typing import Literal

from control_bench.errors import BadInput
from control_bench.settings import require, require_positive


@dataclass(frozen=True)
class PlanParameters:
    """Of every node: what is run.

    Attributes:
        settings: overrides any of the rest, as `key=value key=value`, quoted as in a shell.
        learn: the controller learns while it drives, from nothing if no checkpoint is named; else, where one ships, it
            acts by that.
    """

    task: str = "drivebot"
    controller: str = "furthest_sonar"
    preset: str | None = None
    checkpoint: str | None = None
    settings: str | None = None
    learn: bool = False


@dataclass(frozen=True)
class WorldParameters(PlanParameters):
    """Of world_node.

    Attributes:
        clock: `lockstep`, sensors, one judgement and one command a step, as fast as they come; `realtime`, as STDR.
        robots: how many. seed: of motion and sensor noise in realtime.
        command_timeout: seconds after which a robot without a new command stops; 0: never, as STDR. Realtime only.
        simulator: `embedded`, our own world; `stdr`, the real STDR. clock_start: set by the node, where it is started
            again: the simulated time, s, from which it goes on.
    """

    clock: Literal["lockstep", "realtime"] = "lockstep"
    robots: int = 1
    seed: int = 0
    command_timeout: float = 0.0
    simulator: Literal["embedded", "stdr"] = "embedded"
    clock_start: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "robots")
        require(self.command_timeout >= 0, "command_timeout should be 0 (never) or more seconds")


@dataclass(frozen=True)
class ControllerParameters(PlanParameters):
    """Of controller_node, which runs in a robot's namespace.

    Attributes:
        out: the folder that a learner saves `last.pt` to, after its episodes as long as
            that takes no more than a tenth of its time, and at the end, and goes on from when it is started again.
        seed: of its exploration.
        clock: as the world's. sensor_timeout: seconds without sensors after which it says so and, in realtime, stops.
    """

    out: str | None = None
    seed: int = 0
    clock: Literal["lockstep", "realtime"] = "lockstep"
    sensor_timeout: float = 2.0


@dataclass(frozen=True)
class BenchmarkParameters(PlanParameters):
    """Of benchmark_node.

    Attributes:
        episodes: how many to judge before the node ends; 0: until it is stopped. seed: of the run.
        robots: how many there are; each episode is driven by one. store: the SQLite file to add the episodes to.
        label: as `run --label`. timeout: seconds of silence after which an episode is started again.
        run_id: set by the node: which run to go on with where it is started again.
        hold: stay when all is done, or a node that is started again whenever it ends would never rest.
    """

    episodes: int = 0
    seed: int = 0
    robots: int = 1
    clock: Literal["lockstep", "realtime"] = "lockstep"
    store: str | None = None
    label: str = ""
    hold: bool = False
    timeout: float = 4.0
    run_id: str | None = None

    def __post_init__(self) -> None:
        require(self.episodes >= 0, "episodes should be 0 (no end) or more")
        require_positive(self, "robots", "timeout")


def plan_of(parameters: PlanParameters):
    """The plan that a node's parameters describe."""
    from control_bench.plan import make_plan
    from control_bench.settings import parse_assignments

    p = parameters
    try:
        words = shlex.split(p.settings or "")
    except ValueError as error:
        raise BadInput(f"settings: {p.settings} can't be read ({error}): close the quote") from None
    return make_plan(p.task, p.controller, p.preset, p.checkpoint, parse_assignments(words), shipped=not p.learn)
