"""Uses a task and a controller once where nobody sees it.

What is compiled, or loaded, at its first use takes a second: in real time the first steps would be late, or lost.
"""

import numpy as np

from control_bench.controllers.base import Controller
from control_bench.env import TaskEnv
from control_bench.plan import Plan


def warm_up(plan: Plan, controller: Controller | None = None) -> None:
    """A step of the plan's task in a world of its own, with the controller's action if there is one."""
    env = TaskEnv(plan.make_task())
    observation, _ = env.reset(seed=0)
    if controller is None:
        env.step(np.zeros(env.action_space.shape, env.action_space.dtype))
        return
    controller.begin(0)
    env.step(controller.act(observation))
    controller.begin(0)
