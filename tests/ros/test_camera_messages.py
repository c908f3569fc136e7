"""Pictures and lenses as messages: what was sent is what comes, and a lens says where things are seen. Needs no
master."""

from io import BytesIO

import numpy as np
import pytest
import rospy
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image

from control_bench.errors import BadInput
from control_bench.ros.camera_messages import image_message, info_message, pixels_of
from control_bench.tasks.balance import EYES, TARGET
from control_bench.worlds.boxes import Box
from control_bench.worlds.renderer import Camera, Renderer

STAMP = rospy.Time(12, 345)


def picture(size=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def over_the_wire(message):
    sent, come = BytesIO(), type(message)()
    message.serialize(sent)
    come.deserialize(sent.getvalue())
    return come


def image(rows, encoding="rgb8", step=None, **changed):
    """A message of rows (height, width, 3) by hand, each padded with 77 up to `step` bytes."""
    height, width, _ = rows.shape
    step = step or 3 * width
    padded = np.full((height, step), 77, np.uint8)
    padded[:, : 3 * width] = rows.reshape(height, -1)
    message = Image(height=height, width=width, encoding=encoding, step=step, data=padded.tobytes())
    for name, value in changed.items():
        setattr(message, name, value)
    return over_the_wire(message)


@pytest.mark.parametrize("size", [8, 33, 50])
def test_a_picture_that_is_sent_comes(size):
    sent = picture(size)
    message = over_the_wire(image_message(sent, "robot0/camera_0_optical", STAMP))
    np.testing.assert_array_equal(pixels_of(message, size, "topic"), sent)
    assert (message.header.stamp, message.header.frame_id) == (STAMP, "robot0/camera_0_optical")
    assert (message.height, message.width, message.step, message.encoding) == (size, size, 3 * size, "rgb8")


def test_a_message_keeps_its_picture_when_the_next_one_is_drawn():
    drawn = picture()
    before, message = drawn.copy(), image_message(drawn, "f", STAMP)
    drawn[:] = 0
    np.testing.assert_array_equal(pixels_of(message, 8, "topic"), before)


def test_a_view_of_many_pictures_is_sent_as_its_own():
    many = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 6), np.uint8)
    view = many[1, ..., 3:]
    np.testing.assert_array_equal(pixels_of(image_message(view, "f", STAMP), 8, "topic"), view)


def test_rows_are_rows_and_red_is_first():
    sent = np.zeros((8, 8, 3), np.uint8)
    sent[2, 5] = (200, 100, 50)
    data = image_message(sent, "f", STAMP).data
    assert data[(2 * 8 + 5) * 3 : (2 * 8 + 5) * 3 + 3] == bytes((200, 100, 50)) and sum(data) == 350


@pytest.mark.parametrize("step", [24, 25, 32])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_other_publishers_colours_and_padded_rows_are_understood(encoding, step):
    seen = picture()
    sent = seen if encoding == "rgb8" else seen[..., ::-1]
    come = pixels_of(image(sent, encoding, step), 8, "topic")
    assert come.shape == (8, 8, 3) and come.dtype == np.uint8
    np.testing.assert_array_equal(come, seen)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (image(picture(), "mono8"), "mono8 images: have its publisher send rgb8 or bgr8"),
        (image(picture(), "rgba8"), "rgba8 images"),
        (image(picture(9)), "images of 9 x 9, the policy was made for 8 x 8: set the camera, or resize"),
        (image(np.zeros((8, 10, 3), np.uint8)), "images of 10 x 8"),
        (image(np.zeros((10, 8, 3), np.uint8)), "images of 8 x 10"),
        (image(picture(), data=bytes(191)), "an image of 191 bytes that should have 192"),
        (image(picture(), data=bytes(193)), "an image of 193 bytes"),
        (image(picture(), data=b""), "an image of 0 bytes"),
    ],
)
def test_what_is_no_such_picture_is_refused_by_its_topic(message, said):
    with pytest.raises(BadInput, match=said) as caught:
        pixels_of(message, 8, "robot0/camera_1/image_raw")
    assert str(caught.value).startswith("robot0/camera_1/image_raw: ") and "\n" not in str(caught.value)


def test_rows_shorter_than_their_pixels_are_refused():
    message = Image(height=8, width=8, encoding="rgb8", step=8, data=bytes(64))  # as of one channel
    with pytest.raises(BadInput, match="64 bytes that should have 192"):
        pixels_of(message, 8, "topic")


# Lenses.


def test_a_lens_has_its_cameras_size_and_no_distortion():
    message = over_the_wire(info_message(Camera(EYES[0], TARGET, size=40), "robot0/camera_0_optical", STAMP))
    assert isinstance(message, CameraInfo) and (message.height, message.width) == (40, 40)
    assert (message.header.stamp, message.header.frame_id) == (STAMP, "robot0/camera_0_optical")
    assert message.distortion_model == "plumb_bob" and list(message.D) == [0.0] * 5
    np.testing.assert_array_equal(np.reshape(message.R, (3, 3)), np.eye(3))
    np.testing.assert_array_equal(np.reshape(message.P, (3, 4)), np.c_[np.reshape(message.K, (3, 3)), np.zeros(3)])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(("size", "view"), [(50, 60.0), (200, 60.0), (120, 30.0), (33, 90.0)])
def test_a_point_is_seen_where_the_lens_says(eye, size, view):
    # Boxes of about three pixels are as good as points: their pixels' mean is the projection, in which a pixel's
    # place is that of its middle.
    camera, rng = Camera(eye, TARGET, view=view, size=size), np.random.default_rng(size)
    lens = np.reshape(info_message(camera, "f", STAMP).K, (3, 3))
    for _ in range(10):
        place = np.add(TARGET, rng.uniform(-0.12, 0.12, 3))
        across, down, ahead = lens @ camera.axes() @ (place - camera.eye)
        edge = 3.0 * ahead / camera.focal
        renderer = Renderer((camera,), (), (Box("dot", (edge, edge, edge), (0.9, 0.1, 0.1)),))
        drawn = np.zeros(renderer.shape, np.uint8)
        renderer.draw(np.array([[*place, *Rotation.identity().as_quat()]]), drawn)
        rows, columns = np.nonzero((drawn[0] < 255).any(axis=-1))
        assert len(rows) > 5 and 0 < rows.min() and rows.max() < size - 1  # all of it is in the picture
        assert abs(columns.mean() - across / ahead) < 0.6 and abs(rows.mean() - down / ahead) < 0.6
