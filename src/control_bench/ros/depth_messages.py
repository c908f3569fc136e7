"""Depth pictures, their cameras' intrinsics and grasps as messages."""

import numpy as np
import rospy
from geometry_msgs.msg import Pose
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image

from control_bench.errors import BadInput
from control_bench.grasping.camera import Intrinsics
from control_bench.grasping.command import from_above
from control_bench.grasping.depth_files import metres

ENCODINGS = {"32FC1": np.dtype(np.float32), "16UC1": np.dtype(np.uint16), "mono16": np.dtype(np.uint16)}
"""Floats in metres, or whole numbers in millimetres (REP-118)."""


def depth_message(depth: np.ndarray, frame: str, stamp: rospy.Time) -> Image:
    """A depth picture (height, width), m, 0 where nothing is seen."""
    height, width = depth.shape
    message = Image(height=height, width=width, encoding="32FC1", step=4 * width)
    message.data = np.ascontiguousarray(depth, dtype="<f4").tobytes()
    message.header.stamp, message.header.frame_id = stamp, frame
    return message


def depth_of(message: Image, topic: str) -> np.ndarray:
    """The depth picture float32 (height, width), m, 0 where nothing is seen; BadInput, naming the topic, where the
    message holds none."""
    if message.encoding not in ENCODINGS:
        raise BadInput(f"{topic}: has {message.encoding} images: have its publisher send 32FC1 or 16UC1 depths")
    kind = ENCODINGS[message.encoding].newbyteorder(">" if message.is_bigendian else "<")
    return metres(_pixels(message, kind, topic), topic)


def mask_of(message: Image, shape: tuple[int, int]) -> np.ndarray:
    """Where a mono8 image is not 0, bool (height, width); BadInput where it is of another size or encoding."""
    if message.encoding not in ("mono8", "8UC1"):
        raise BadInput(f"mask: a {message.encoding} image: send mono8")
    if (message.height, message.width) != shape:
        raise BadInput(f"mask: of {message.height} x {message.width} pixels, the picture of {shape[0]} x {shape[1]}: "
                       "send one of its size")  # fmt: skip
    mask = _pixels(message, np.dtype(np.uint8), "mask") > 0
    if not mask.any():
        raise BadInput("mask: is 0 everywhere: send one that is not where grasps may be")
    return mask


def _pixels(message: Image, kind: np.dtype, topic: str) -> np.ndarray:
    height, width, step = message.height, message.width, message.step
    if not height or not width or step < kind.itemsize * width or len(message.data) != height * step:
        raise BadInput(f"{topic}: has an image of {len(message.data)} bytes that should have {height} rows of "
                       f"{kind.itemsize * width}: mend its publisher")  # fmt: skip
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)[:, : kind.itemsize * width]
    return np.ascontiguousarray(rows).view(kind).reshape(height, width)


def intrinsics_message(intrinsics: Intrinsics, frame: str, stamp: rospy.Time) -> CameraInfo:
    """A camera without distortion."""
    i = intrinsics
    message = CameraInfo(height=i.height, width=i.width, distortion_model="plumb_bob", D=[0.0] * 5)
    message.header.stamp, message.header.frame_id = stamp, frame
    message.K = [i.fx, 0.0, i.cx, 0.0, i.fy, i.cy, 0.0, 0.0, 1.0]
    message.R = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.P = [i.fx, 0.0, i.cx, 0.0, 0.0, i.fy, i.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def intrinsics_of(message: CameraInfo, topic: str) -> Intrinsics:
    """A camera's intrinsics; BadInput, naming the topic, of one that was never calibrated."""
    k = message.K
    try:
        return Intrinsics(k[0], k[4], k[2], k[5], message.height, message.width)
    except BadInput as error:
        raise BadInput(f"{topic}: {error}: calibrate the camera") from None


def grasp_pose(position: np.ndarray, quaternion: np.ndarray) -> Pose:
    """position (3,), m; quaternion (4,) x y z w."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = map(float, position)
    turned = pose.orientation
    turned.x, turned.y, turned.z, turned.w = map(float, quaternion)
    return pose


def hand_pose(x: float, y: float, z: float, yaw: float) -> Pose:
    """Of a gripper that points straight down, m, its jaws' axis turned by yaw, rad."""
    return grasp_pose((x, y, z), from_above(yaw).as_quat())


DOWN = 0.1
"""rad: how far a grasp from above may be from straight down."""


def yaw_of(pose: Pose) -> float:
    """Which way the jaws' axis of a gripper that points down is turned, rad; BadInput where it does not."""
    turned = pose.orientation
    try:
        rotation = Rotation.from_quat([turned.x, turned.y, turned.z, turned.w]).as_matrix()
    except ValueError:
        raise BadInput("a grasp with a quaternion of no length: send one of unit length") from None
    if -rotation[2, 2] < np.cos(DOWN):
        raise BadInput("a grasp that does not come from above: have the pose's z axis point straight down")
    return float(np.arctan2(rotation[1, 0], rotation[0, 0]))
