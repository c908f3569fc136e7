#!/usr/bin/env python3
"""A cart whose camera can be bad: `mock_camera.py SIZE ENCODING SECONDS` publishes images for so long, and wrenches, as
the cart's driver does, on and on; prints every force that the cart is commanded."""

import sys
import time

import rospy
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import Image

STEP = 10 / 240.0


def main() -> None:
    size, encoding, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    rospy.init_node("cart_driver")
    images = rospy.Publisher("camera_0/image_raw", Image, queue_size=2)
    wrenches = rospy.Publisher("wrench", WrenchStamped, queue_size=2)

    def heard(message: WrenchStamped) -> None:
        print(f"{time.monotonic():.3f} commanded {message.wrench.force.x} {message.wrench.force.y}", flush=True)

    rospy.Subscriber("cart/command", WrenchStamped, heard)
    while not (images.get_num_connections() and wrenches.get_num_connections()) and not rospy.is_shutdown():
        time.sleep(0.05)
    begun, stopped = time.monotonic(), False
    while not rospy.is_shutdown():
        stamp = rospy.Time.now()
        if time.monotonic() - begun < seconds:
            for _ in range(2):
                image = Image(height=size, width=size, encoding=encoding, step=3 * size, data=bytes(3 * size * size))
                image.header.stamp, image.header.frame_id = stamp, "camera_0_optical"
                images.publish(image)
        elif not stopped:
            print(f"{time.monotonic():.3f} the camera stops", flush=True)
            stopped = True
        wrench = WrenchStamped()
        wrench.header.stamp, wrench.header.frame_id = stamp, "field"
        wrenches.publish(wrench)
        time.sleep(STEP)


if __name__ == "__main__":
    main()
