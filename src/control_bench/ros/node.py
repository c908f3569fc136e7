"""What every node of ours does: starts, ends with a clear line, and notices when the master is gone."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import rosgraph
import rospkg
import rospy
from rospy.impl.simtime import init_simtime

from control_bench.errors import BadInput
from control_bench.ros.connections import bad_ends, end_badly
from control_bench.settings import fill

MASTER_CHECKS = 3
MASTER_PERIOD = 1.0
"""A node ends when the master did not answer so many times running, so many seconds (of wall time) apart."""


def run_node(name: str, main: Callable[[], int | None]) -> None:
    """Starts a node, runs `main`, and exits: 0 when done, 2 with one line for bad input, 1 when the master is gone."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _go_where_the_user_is()
    rospy.init_node(name, disable_rostime=True)  # see read_parameters
    threading.Thread(target=_watch_master, daemon=True).start()
    status = 0
    try:
        status = main() or 0
    except BadInput as error:
        end_badly(error)
    except (rospy.ROSInterruptException, KeyboardInterrupt):
        status = 0
    # It ends already: roslaunch's SIGINT in the midst of rospy's last lines in its log would end in a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = 2 if bad_ends else status
    rospy.signal_shutdown("done")
    sys.stdout.flush()
    sys.exit(status)


def _go_where_the_user_is() -> None:
    """roslaunch starts nodes in ~/.ros; a relative path among its arguments is meant from where it was called."""
    called_from = os.environ.get("PWD", "")
    if os.path.realpath(os.getcwd()) == os.path.realpath(rospkg.get_ros_home()) and os.path.isdir(called_from):
        os.chdir(called_from)


def _watch_master() -> None:
    master, failures = rosgraph.Master(rospy.get_name()), 0
    while not rospy.is_shutdown():
        try:
            master.getPid()
            failures = 0
        except OSError:
            failures += 1
        if failures == MASTER_CHECKS:
            rospy.logfatal("%s: the ROS master at %s is gone: ending", rospy.get_name(), rosgraph.get_master_uri())
            sys.stderr.flush()
            os._exit(1)  # what is stored is stored; a clean shutdown would wait for the master's answer
        time.sleep(MASTER_PERIOD)


def read_parameters(cls: type):
    """The node's private parameters as a settings dataclass; BadInput for an unknown or ill-typed one.

    In real time the node's time is what /use_sim_time says from then on. In lockstep it has none of its own: it goes by
    the stamps of what it hears, and a clock that comes to every node at every step would cost a fifth of the messages.
    """
    values = rospy.get_param("~", {})
    # roslaunch has no way to leave a parameter out: an empty text stands for the default.
    given = {name: value for name, value in values.items() if value != ""}
    parameters = fill(cls, given, f"parameters of {rospy.get_name()}")
    if parameters.clock == "realtime":
        init_simtime()
    return parameters
