"""The real STDR behind our reset service: starts its server where it is installed, spawns the robots, puts them back.

Nothing of STDR's is imported or started unless `simulator:=stdr` asks for it.
"""

import os
import subprocess
from pathlib import Path

import rospkg
import rospy
from geometry_msgs.msg import Pose2D

from control_bench.errors import BadInput
from control_bench.resources import locate
from control_bench.ros.parameters import WorldParameters
from control_bench.srv import Reset, ResetResponse
from control_bench.tasks.drivebot import Drivebot

PACKAGES = ("stdr_msgs", "stdr_server", "stdr_robot", "nodelet")
WAIT = 20.0
"""Seconds that STDR may take to come up."""
ABSENT = (
    "simulator:=stdr needs the STDR simulator, of which '{}' is not installed: "
    "build it in this workspace, or leave simulator out for the embedded world"
)


def _start_server(map_path: Path) -> list[subprocess.Popen]:
    """Starts STDR's server and its robot manager, unless a server is there already."""
    import rosgraph

    services = rosgraph.Master(rospy.get_name()).getSystemState()[2]
    if any(name.startswith("/stdr_server/") for name, _ in services):
        rospy.loginfo("an STDR server runs already: it is used")
        return []
    finder = rospkg.RosPack()
    for package in PACKAGES:
        try:
            finder.get_path(package)
        except rospkg.ResourceNotFound:
            raise BadInput(ABSENT.format(package)) from None
    commands = [
        ["rosrun", "stdr_server", "stdr_server_node", str(map_path.resolve())],
        ["rosrun", "nodelet", "nodelet", "manager", "__name:=robot_manager"],
    ]
    return [subprocess.Popen(command, start_new_session=True) for command in commands]


class StdrSimulator:
    """STDR's robots, one for each of ours, and the reset service in front of them."""

    def __init__(self, task: Drivebot, parameters: WorldParameters) -> None:
        import actionlib
        from stdr_msgs.msg import SpawnRobotAction, SpawnRobotGoal
        from stdr_msgs.srv import MoveRobot

        from control_bench.ros.stdr_robot import robot_message

        spawner = actionlib.SimpleActionClient("stdr_server/spawn_robot", SpawnRobotAction)
        if not spawner.wait_for_server(rospy.Duration(WAIT)):
            raise BadInput(f"STDR's server did not come up in {WAIT:.0f} s: see its own messages")
        self._move: dict[str, rospy.ServiceProxy] = {}
        for number in range(parameters.robots):
            spawner.send_goal_and_wait(SpawnRobotGoal(robot_message(task.robot)), rospy.Duration(WAIT))
            result = spawner.get_result()
            if result is None or not result.indexedDescription.name:
                raise BadInput(f"STDR did not spawn the robot ({result.message if result else 'no answer'})")
            # The benchmark and the controllers know our robots by number; STDR counts on over the life of its server.
            name = result.indexedDescription.name
            if name != f"robot{number}":
                raise BadInput(f"STDR named the robot {name}, not robot{number}: start its server anew")
            rospy.wait_for_service(f"{name}/replace", WAIT)
            self._move[name] = rospy.ServiceProxy(f"{name}/replace", MoveRobot)
        self._service = rospy.Service("~reset", Reset, self._reset)

    def _reset(self, request) -> ResetResponse:
        if request.robot not in self._move:
            return ResetResponse(False, f"there is no {request.robot}, only {', '.join(self._move)}", rospy.Time())
        try:
            self._move[request.robot](Pose2D(*request.start))
        except (rospy.ServiceException, TypeError) as error:
            return ResetResponse(
                False, f"STDR can't put {request.robot} at {list(request.start)} ({error})", rospy.Time()
            )
        return ResetResponse(True, "", rospy.Time.now())


def main(task: Drivebot, parameters: WorldParameters) -> None:
    if parameters.clock != "realtime":
        raise BadInput("simulator:=stdr keeps its own time: leave clock at realtime")
    try:
        import stdr_msgs.msg  # noqa: F401
    except ImportError:
        raise BadInput(ABSENT.format("stdr_msgs")) from None
    map_path = locate("maps", task.settings.map)
    processes = _start_server(map_path)
    try:
        StdrSimulator(task, parameters)
        rospy.spin()
    finally:
        for process in processes:
            os.killpg(process.pid, 15)
        for process in processes:
            process.wait(timeout=10)
