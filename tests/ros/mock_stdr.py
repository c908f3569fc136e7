"""A stand-in for STDR's server: its interface (actions, services, topics), on the embedded world, with no robot yet.

mock_stdr.py [MAP.yaml]
"""

import sys
from types import SimpleNamespace

import rospy

from control_bench.registry import make_task
from control_bench.ros.stdr_realtime import StdrRealtime
from control_bench.ros.stdr_services import StdrServices

rospy.init_node("stdr_server")
task = make_task("drivebot", {"map": sys.argv[1]} if sys.argv[1:] else {})
world = StdrRealtime(task, SimpleNamespace(clock="realtime", robots=0, seed=0, command_timeout=0.0))
StdrServices(world)
rospy.spin()
