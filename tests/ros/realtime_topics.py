#!/usr/bin/env python3
"""What realtime.test checks, by section of the facts on STDR that it stands for."""

import math
import unittest
from collections import deque

import rospy
import rostest
from control_bench.srv import Reset
from geometry_msgs.msg import Twist
from nav_msgs.msg import MapMetaData, OccupancyGrid, Odometry
from sensor_msgs.msg import Range
from tf2_msgs.msg import TFMessage


def collect(topic: str, kind: type, seconds: float) -> list:
    """The messages of a topic in some seconds."""
    messages: list = []
    subscriber = rospy.Subscriber(topic, kind, messages.append)
    rospy.wait_for_message(topic, kind, 20)
    messages.clear()
    rospy.sleep(seconds)
    subscriber.unregister()
    return messages


class RealtimeTopics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rospy.init_node("realtime_topics")
        rospy.wait_for_service("world_node/reset", 30)
        cls.command = rospy.Publisher("/robot0/cmd_vel", Twist, queue_size=1)
        cls.reset = rospy.ServiceProxy("world_node/reset", Reset)
        # Heard all the time: to connect takes tenths of a second, in which a robot drives on.
        cls.odometry = deque(maxlen=1)
        rospy.Subscriber("/robot0/odom", Odometry, cls.odometry.append)
        while not (cls.command.get_num_connections() and cls.odometry):
            rospy.sleep(0.05)

    def pose(self):
        return self.odometry[-1].pose.pose.position

    def test_map_is_latched(self):
        grid = rospy.wait_for_message("/map", OccupancyGrid, 5)
        self.assertEqual((grid.header.frame_id, grid.info.width, grid.info.height), ("map", 500, 500))
        self.assertEqual(set(grid.data), {-1, 0, 100})
        self.assertAlmostEqual(rospy.wait_for_message("/map_metadata", MapMetaData, 5).resolution, 0.02, places=6)

    def test_sonars_and_odometry_at_ten_hertz(self):
        for topic, kind in (("/robot0/sonar_0", Range), ("/robot0/sonar_2", Range), ("/robot0/odom", Odometry)):
            stamps = [message.header.stamp.to_sec() for message in collect(topic, kind, 3.0)]
            rate = (len(stamps) - 1) / (stamps[-1] - stamps[0])
            self.assertAlmostEqual(rate, 10.0, delta=0.5, msg=topic)

    def test_range_message(self):
        message = rospy.wait_for_message("/robot0/sonar_1", Range, 5)
        self.assertEqual((message.header.frame_id, message.radiation_type), ("robot0_sonar_1", Range.ULTRASOUND))
        self.assertAlmostEqual(message.field_of_view, 0.87, places=6)
        self.assertAlmostEqual(message.max_range, 3.0, places=6)

    def test_odometry_message(self):
        message = rospy.wait_for_message("/robot0/odom", Odometry, 5)
        self.assertEqual((message.header.frame_id, message.child_frame_id), ("map_static", "robot0"))
        self.assertEqual(set(message.pose.covariance), {0.0})

    def test_frames(self):
        pairs = {(t.header.frame_id, t.child_frame_id) for m in collect("/tf", TFMessage, 1.0) for t in m.transforms}
        expected = {("world", "map"), ("map", "map_static"), ("map_static", "robot0")}
        self.assertEqual(pairs, expected | {("robot0", f"robot0_sonar_{i}") for i in range(3)})

    def test_command_holds_until_its_timeout(self):
        self.assertTrue(self.reset("robot0", 1, [2.0, 9.0, 0.0]).success)
        message = Twist()
        message.linear.x = 0.5
        self.command.publish(message)
        rospy.sleep(0.6)
        driven = self.pose().x - 2.0
        self.assertTrue(0.15 < driven < 0.4, driven)  # one message drives on ...
        rospy.sleep(1.2)
        stopped = self.pose().x
        rospy.sleep(0.5)
        self.assertEqual(self.pose().x, stopped)  # ... until its time is out
        self.assertTrue(2.4 < stopped < 2.75, stopped)

    def test_command_that_is_not_finite(self):
        self.assertTrue(self.reset("robot0", 1, [7.0, 9.0, 0.0]).success)
        message = Twist()
        message.linear.x = math.nan
        self.command.publish(message)
        rospy.sleep(0.4)
        self.assertEqual(self.pose().x, 7.0)


if __name__ == "__main__":
    rostest.rosrun("control_bench", "realtime_topics", RealtimeTopics)
