"""`control-bench list`: tasks, controllers, and which fits which."""

import argparse
import sys

from control_bench.commands.common import add_command
from control_bench.errors import BadInput
from control_bench.plan import make_plan, misfit
from control_bench.registry import CONTROLLERS, TASKS, controller_class

EXAMPLES = "  control-bench list"


def add(commands) -> None:
    add_command(commands, "list", _list, "tell tasks, controllers, and which fits which", EXAMPLES)


def _list(arguments: argparse.Namespace) -> int:
    for task in TASKS:
        print(task)
        for name in CONTROLLERS:
            print(f"  {name:18} {_about(task, name)}")
    return 0


def _about(task: str, controller: str) -> str:
    """What a controller is, or why it can't be used on a task."""
    try:
        plan, cls = make_plan(task, controller), controller_class(controller)
    except BadInput as error:
        return str(error)  # an extra is not there
    reason = misfit(cls, plan.make_task())
    doc = (sys.modules[cls.__module__].__doc__ or "").partition("\n")[0]
    return doc if reason is None else f"does not fit: {reason}"
