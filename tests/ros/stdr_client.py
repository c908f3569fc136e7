"""Uses STDR's services as a client of STDR would, against the embedded world; prints OK or fails. For test_stdr.py."""

import actionlib
import rospy
from geometry_msgs.msg import Pose2D
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Range
from stdr_msgs.msg import DeleteRobotAction, DeleteRobotGoal, RobotIndexedVectorMsg, SpawnRobotAction, SpawnRobotGoal
from stdr_msgs.srv import LoadMap, MoveRobot

from control_bench.registry import make_task
from control_bench.ros.stdr_robot import robot_message, robot_of

rospy.init_node("stdr_client")
robot = make_task("drivebot").robot

# replace: into free space moves the robot, into a wall or off the map is refused and moves nothing
rospy.wait_for_service("/robot0/replace", 20)
replace = rospy.ServiceProxy("/robot0/replace", MoveRobot)
replace(Pose2D(7.0, 9.0, 0.5))
rospy.sleep(0.3)
assert abs(rospy.wait_for_message("/robot0/odom", Odometry, 5).pose.pose.position.x - 7.0) < 1e-6
for bad in (Pose2D(0.2, 9.0, 0.0), Pose2D(25.0, 12.0, 0.0), Pose2D(float("nan"), 5.0, 0.0)):
    try:
        replace(bad)
        raise SystemExit(f"{bad} was accepted")
    except rospy.ServiceException:
        pass
assert abs(rospy.wait_for_message("/robot0/odom", Odometry, 5).pose.pose.position.x - 7.0) < 1e-6

# spawn: the next name, all sensors on topics; two sensors of one name are refused
spawn = actionlib.SimpleActionClient("/stdr_server/spawn_robot", SpawnRobotAction)
assert spawn.wait_for_server(rospy.Duration(10))
description = robot_message(robot)
assert robot_of(description).sonars[1].frame_id == "sonar_1"
spawn.send_goal_and_wait(SpawnRobotGoal(description), rospy.Duration(10))
assert spawn.get_result().indexedDescription.name == "robot1"
assert rospy.wait_for_message("/robot1/sonar_2", Range, 5).header.frame_id == "robot1_sonar_2"
description.sonarSensors[1].frame_id = "sonar_0"
spawn.send_goal_and_wait(SpawnRobotGoal(description), rospy.Duration(10))
assert "Double frame_id:sonar_0" in spawn.get_result().message
active = rospy.wait_for_message("/stdr_server/active_robots", RobotIndexedVectorMsg, 5)
assert [one.name for one in active.robots] == ["robot0", "robot1"]

# delete: the robot's topics fall silent; a second time there is nothing to delete
delete = actionlib.SimpleActionClient("/stdr_server/delete_robot", DeleteRobotAction)
assert delete.wait_for_server(rospy.Duration(10))
for success in (True, False):
    delete.send_goal_and_wait(DeleteRobotGoal("robot1"), rospy.Duration(10))
    assert delete.get_result().success is success

# one map a server's life
try:
    rospy.ServiceProxy("/stdr_server/load_static_map", LoadMap)("other.yaml")
    raise SystemExit("a second map was accepted")
except rospy.ServiceException:
    pass
print("OK")
