"""A depth camera over a table, for tests: `mock_depth_camera.py WHAT`, what it shows or lacks.

object: a block of 30 x 80 x 40 mm; the others are that but for: table, no block; nan, no depth at all; small, pictures
of 20 x 24 pixels; no_info, no CameraInfo; once, a single picture; bytes, pictures of 8 bits; millimetres, 16UC1;
other_info, CameraInfo of another size.
"""

import sys

import numpy as np
import rospy
import trimesh
from sensor_msgs.msg import CameraInfo, Image

from control_bench.grasping.camera import PRIMESENSE, Camera, Intrinsics, Viewpoint
from control_bench.ros.depth_messages import depth_message, intrinsics_message

what = sys.argv[1]
intrinsics = Intrinsics(525.0, 525.0, 11.5, 9.5, 20, 24) if what == "small" else PRIMESENSE
camera = Camera(intrinsics, Viewpoint.around(0.7, 0.0, 0.1))
block = trimesh.creation.box((0.03, 0.08, 0.04))
vertices = block.vertices + [0.02, 0.03, 0.02]
shown = (np.zeros((0, 3)), np.zeros((0, 3), np.int32)) if what == "table" else (vertices, block.faces.astype(np.int32))
depth = camera.render(*shown)[0].astype(np.float32)
if what == "nan":
    depth[:] = np.nan

rospy.init_node("mock_depth_camera")
pictures = rospy.Publisher("/robot0/camera/depth/image_raw", Image, queue_size=1)
infos = rospy.Publisher("/robot0/camera/depth/camera_info", CameraInfo, queue_size=1)
message = depth_message(depth, "camera", rospy.Time.now())
if what == "bytes":
    message = Image(height=480, width=640, encoding="mono8", step=640, data=bytes(480 * 640))
elif what == "millimetres":
    message = Image(height=480, width=640, encoding="16UC1", step=1280)
    message.data = (1000.0 * depth).round().astype("<u2").tobytes()
told = Intrinsics(525.0, 525.0, 159.5, 119.5, 240, 320) if what == "other_info" else intrinsics
info = intrinsics_message(told, "camera", rospy.Time.now())
rate = rospy.Rate(10)
sent = 0
while not rospy.is_shutdown():
    for one, publisher in ((message, pictures), (info, infos)):
        one.header.stamp, one.header.frame_id = rospy.Time.now(), "camera"
        if publisher is infos:
            if what != "no_info":
                publisher.publish(one)
        elif what != "once" or (sent < 3 and pictures.get_num_connections()):
            publisher.publish(one)
            sent += 1
    rate.sleep()
