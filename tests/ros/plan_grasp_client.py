"""Asks for a grasp, for tests: `plan_grasp_client.py [JSON of the request]`; prints the answer as JSON.

The request: box, timeout; mask: the box that a mask of 480 x 640 is white in, or `mask_size` for one of another size.
"""

import json
import sys

import numpy as np
import rospy
from control_bench.srv import PlanGrasp
from sensor_msgs.msg import Image

asked = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
rospy.init_node("plan_grasp_client")
rospy.wait_for_service("/robot0/plan_grasp", 40)
mask = Image()
if "mask" in asked:
    height, width = asked.get("mask_size", (480, 640))
    pixels = np.zeros((height, width), np.uint8)
    left, top, right, bottom = asked["mask"]
    pixels[top : bottom + 1, left : right + 1] = 255
    mask = Image(height=height, width=width, encoding="mono8", step=width, data=pixels.tobytes())
answer = rospy.ServiceProxy("/robot0/plan_grasp", PlanGrasp)(mask, asked.get("box", []), asked.get("timeout", 0.0))
print(json.dumps({
    "success": answer.success, "message": answer.message, "seconds": answer.seconds,
    "grasps": [
        {
            "quality": one.quality, "pixel": list(one.pixel), "angle": one.angle, "depth": one.depth,
            "frame": one.header.frame_id, "stamp": one.header.stamp.to_sec(),
            "position": [one.pose.position.x, one.pose.position.y, one.pose.position.z],
            "quaternion": [getattr(one.pose.orientation, axis) for axis in "xyzw"],
        }
        for one in answer.grasps
    ],
}))  # fmt: skip
