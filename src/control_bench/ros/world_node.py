"""world_node: the embedded world in lockstep or in real time, or another simulator behind the same reset service."""

from control_bench.errors import BadInput
from control_bench.resources import load_class
from control_bench.ros.node import read_parameters, run_node
from control_bench.ros.parameters import WorldParameters, plan_of
from control_bench.ros.topics import topics_class


def _main() -> None:
    parameters = read_parameters(WorldParameters)
    task = plan_of(parameters).make_task(parameters.robots)
    topics, simulator = topics_class(task), parameters.simulator
    if simulator != "embedded":
        if simulator not in topics.simulators:
            raise BadInput(f"task '{task.name}' has no simulator {simulator}: leave simulator out")
        load_class(topics.simulators[simulator])(task, parameters)
    elif parameters.clock == "realtime":
        load_class(topics.realtime)(task, parameters)
    else:
        from control_bench.ros.world_lockstep import main as lockstep

        lockstep(task, parameters)


def main() -> None:
    """The executable."""
    run_node("world_node", _main)
