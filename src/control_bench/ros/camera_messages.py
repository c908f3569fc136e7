"""Pictures and lenses as messages."""

import numpy as np
import rospy
from sensor_msgs.msg import CameraInfo, Image

from control_bench.errors import BadInput
from control_bench.worlds.renderer import Camera

ENCODING = "rgb8"


def image_message(picture: np.ndarray, frame: str, stamp: rospy.Time) -> Image:
    """A picture (height, width, 3), 0 to 255, red, green and blue."""
    height, width, channels = picture.shape
    message = Image(height=height, width=width, encoding=ENCODING, step=channels * width, data=picture.tobytes())
    message.header.stamp, message.header.frame_id = stamp, frame
    return message


def info_message(camera: Camera, frame: str, stamp: rospy.Time) -> CameraInfo:
    """A camera without distortion. What lies on the optical axis is seen where four pixels meet, half a pixel above and
    left of which our renderer, as pybullet's, has the pixels' middles."""
    focal, middle = camera.focal, camera.size / 2.0
    message = CameraInfo(height=camera.size, width=camera.size, distortion_model="plumb_bob", D=[0.0] * 5)
    message.header.stamp, message.header.frame_id = stamp, frame
    message.K = [focal, 0.0, middle, 0.0, focal, middle - 1.0, 0.0, 0.0, 1.0]
    message.R = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.P = [focal, 0.0, middle, 0.0, 0.0, focal, middle - 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def pixels_of(message: Image, size: int, topic: str) -> np.ndarray:
    """An image (size, size, 3), 0 to 255; BadInput, naming the topic, where it is of another size or encoding."""
    if message.encoding not in (ENCODING, "bgr8"):
        raise BadInput(f"{topic}: has {message.encoding} images: have its publisher send {ENCODING} or bgr8")
    if (message.height, message.width) != (size, size):
        raise BadInput(
            f"{topic}: has images of {message.width} x {message.height}, the policy was made for {size} x {size}: set "
            "the camera, or resize them (image_proc)"
        )
    if len(message.data) != message.height * message.step or message.step < 3 * message.width:
        raise BadInput(f"{topic}: has an image of {len(message.data)} bytes that should have {3 * size * size}")
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    picture = rows[:, : 3 * size].reshape(size, size, 3)
    return picture if message.encoding == ENCODING else picture[:, :, ::-1]
