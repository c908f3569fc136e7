"""controller_node: runs a controller, learning or not, in a robot's namespace.

What it does with the sensors that it hears is `Actor`'s, the same as in-process.
"""

from control_bench.ros.driver_lockstep import LockstepDriver
from control_bench.ros.driver_realtime import RealtimeDriver
from control_bench.ros.node import read_parameters, run_node
from control_bench.ros.parameters import ControllerParameters


def _main() -> None:
    parameters = read_parameters(ControllerParameters)
    driver = (LockstepDriver if parameters.clock == "lockstep" else RealtimeDriver)(parameters)
    driver.spin()
    driver.learned.save(last=True)


def main() -> None:
    """The executable."""
    run_node("controller_node", _main)
