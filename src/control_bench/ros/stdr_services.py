"""STDR's own services and actions, offered by the embedded world where `stdr_msgs` is installed.

What STDR answers by dying (robots off the map, two sensors of one name) is refused here.
"""

import actionlib
import numpy as np
import rospy
from stdr_msgs.msg import (
    DeleteRobotAction,
    DeleteRobotResult,
    RobotIndexedMsg,
    RobotIndexedVectorMsg,
    SpawnRobotAction,
    SpawnRobotResult,
)
from stdr_msgs.srv import LoadExternalMap, LoadMap, MoveRobot, MoveRobotResponse

from control_bench.errors import BadInput
from control_bench.ros.stdr_robot import robot_message, robot_of
from control_bench.worlds.robot import Robot

SERVER = "stdr_server"


class StdrServices:
    """`/robotN/replace`, `/stdr_server/spawn_robot`, `delete_robot`, `load_static_map*` and `active_robots`."""

    def __init__(self, world) -> None:
        self._world = world
        self._replace = {name: self._offer_replace(name) for name in world.robots}
        self._active = rospy.Publisher(f"{SERVER}/active_robots", RobotIndexedVectorMsg, queue_size=1, latch=True)
        self._loads = [
            rospy.Service(f"{SERVER}/load_static_map", LoadMap, self._load),
            rospy.Service(f"{SERVER}/load_static_map_external", LoadExternalMap, self._load),
        ]
        self._spawner = actionlib.SimpleActionServer(f"{SERVER}/spawn_robot", SpawnRobotAction, self._spawn, False)
        self._deleter = actionlib.SimpleActionServer(f"{SERVER}/delete_robot", DeleteRobotAction, self._delete, False)
        self._spawner.start()
        self._deleter.start()
        self._publish_active()

    def _offer_replace(self, name: str) -> rospy.Service:
        return rospy.Service(f"{name}/replace", MoveRobot, lambda request: self._move(name, request))

    def _move(self, name: str, request) -> MoveRobotResponse:
        pose = np.array([request.newPose.x, request.newPose.y, request.newPose.theta])
        robot = self._world.robots[name]
        reason = robot.why_not(pose)
        if reason:
            rospy.logwarn("%s can't be moved to %s: %s", name, pose.tolist(), reason)
            raise rospy.ServiceException(reason)
        robot.replace(pose)
        return MoveRobotResponse()

    def _load(self, request):
        rospy.logwarn("Map already loaded!")
        raise rospy.ServiceException("a map is loaded already: name another with settings:=map=FILE at the start")

    def _spawn(self, goal) -> None:
        robot = robot_of(goal.description)
        try:
            _check(robot)
            name = self._world.spawn(robot)
        except BadInput as error:
            self._spawner.set_aborted(SpawnRobotResult(message=str(error)), str(error))
            return
        self._replace[name] = self._offer_replace(name)
        self._publish_active()
        self._spawner.set_succeeded(SpawnRobotResult(RobotIndexedMsg(name, robot_message(robot)), ""))

    def _delete(self, goal) -> None:
        robot = self._world.robots.pop(goal.name, None)
        if robot is None:
            rospy.logwarn("there is no %s to delete", goal.name)
            self._deleter.set_aborted(DeleteRobotResult(False))
            return
        robot.close()
        self._replace.pop(goal.name).shutdown()
        self._publish_active()
        self._deleter.set_succeeded(DeleteRobotResult(True))

    def _publish_active(self) -> None:
        robots = [
            RobotIndexedMsg(name, robot_message(self._world.robots[name].robot)) for name in sorted(self._world.robots)
        ]
        self._active.publish(RobotIndexedVectorMsg(robots))


def _check(robot: Robot) -> None:
    """What a robot by action must have, as one from a file does."""
    sensors = [*robot.sonars, *robot.lasers, *robot.rfid_readers]
    names = [sensor.frame_id for sensor in sensors]
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise BadInput(f"Double frame_id:{doubled[0]}")
    slow = [sensor.frame_id for sensor in sensors if not sensor.frequency > 0]
    if slow:
        raise BadInput(f"sensor '{slow[0]}' has no frequency above 0")
