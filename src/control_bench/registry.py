"""The tasks and controllers there are, by the names that the command line, the launch files and Gymnasium know them
by."""

from typing import Any

import gymnasium

from control_bench.env import TaskEnv, TaskVectorEnv
from control_bench.errors import BadInput, nearest
from control_bench.resources import load_class
from control_bench.settings import fill
from control_bench.tasks.base import Task

TASKS = {
    "drivebot": "control_bench.tasks.drivebot:Drivebot",
    "reach": "control_bench.tasks.reach:Reach",
    "balance": "control_bench.tasks.balance:Balance",
    "kuka_balance": "control_bench.tasks.kuka_balance:KukaBalance",
    "grasp": "control_bench.tasks.grasp:Grasp",
    "bin": "control_bench.tasks.bin:Bin",
}
CONTROLLERS = {
    "furthest_sonar": "control_bench.controllers.furthest_sonar:FurthestSonar",
    "turn_until_clear": "control_bench.controllers.turn_until_clear:TurnUntilClear",
    "q_table": "control_bench.controllers.q_table:QTable",
    "dqn": "control_bench.controllers.dqn:DQN",
    "naf": "control_bench.controllers.naf:NAF",
    "ddpg": "control_bench.controllers.ddpg:DDPG",
    "reinforce": "control_bench.controllers.reinforce:Reinforce",
    "natural_pg": "control_bench.controllers.natural_pg:NaturalPG",
    "ppo": "control_bench.controllers.ppo:PPO",
    "linear": "control_bench.controllers.linear:Linear",
    "pd": "control_bench.controllers.pd:PD",
    "osc": "control_bench.controllers.osc:OSC",
    "lqr": "control_bench.controllers.lqr:LQR",
    "ilqr": "control_bench.controllers.ilqr:ILQR",
    "ahf": "control_bench.controllers.ahf:AHF",
    "random_grasp": "control_bench.controllers.random_grasp:RandomGrasp",
    "antipodal_grasp": "control_bench.controllers.antipodal_grasp:AntipodalGrasp",
    "dexnet": "control_bench.controllers.dexnet:DexNet",
}
"""Name to `module:class`: what is not used is not imported, so no controller needs another's libraries."""


def _load(kind: str, name: str, known: dict[str, str]) -> type:
    target = known.get(name, name)
    module_name, _, class_name = target.partition(":")
    if not (module_name and class_name):
        raise BadInput(f"unknown {kind} '{name}', {nearest(name, known)} (or name yours: package.module:Class)")
    try:
        return load_class(target)
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise BadInput(f"{kind} '{name}' needs torch: pip install 'control_bench[learn]'") from None
        raise BadInput(f"{kind} '{name}': there is no module '{error.name}' on the Python path") from None
    except AttributeError:
        raise BadInput(f"{kind} '{name}': {module_name} has no class '{class_name}'") from None


def task_class(name: str) -> type[Task]:
    """A task of ours by name, or the user's own by `package.module:Class`; BadInput with the nearest name if
    neither."""
    return _load("task", name, TASKS)


def controller_class(name: str) -> type:
    """As `task_class`, for controllers."""
    return _load("controller", name, CONTROLLERS)


def make_task(name: str, settings: dict[str, Any] | None = None, rows: int = 1, where: str = "task settings") -> Task:
    """A task with its settings from a mapping; `where` says in errors what the mapping came from."""
    cls = task_class(name)
    return cls(fill(cls.Settings, settings or {}, where), rows)


def make_env(task: str, **settings: Any) -> TaskEnv:
    """One row of a task, as `gymnasium.make` gets it."""
    return TaskEnv(make_task(task, settings))


def make_vector_env(task: str, num_envs: int = 1, processes: int = 1, **settings: Any) -> TaskVectorEnv:
    """Many rows of a task at once, as `gymnasium.make_vec` gets it; see TaskVectorEnv for `processes`."""
    if not isinstance(num_envs, int) or num_envs < 1:
        raise BadInput(f"num_envs: {num_envs!r} should be a whole number above 0")
    return TaskVectorEnv(make_task(task, settings, num_envs), processes)


def register_environments() -> None:
    """Makes `control_bench/Drivebot-v0` and its like known to Gymnasium; done when the package is imported."""
    for name in TASKS:
        gymnasium.register(
            id=f"control_bench/{name.title().replace('_', '')}-v0",
            entry_point="control_bench.registry:make_env",
            vector_entry_point="control_bench.registry:make_vector_env",
            kwargs={"task": name},
        )
