"""balance on topics: what the world read is what the controller gets, to the last bit. Needs no master."""

from io import BytesIO

import numpy as np
import pytest
import rospy
from geometry_msgs.msg import WrenchStamped
from scipy.spatial.transform import Rotation

from control_bench.env import TaskEnv
from control_bench.errors import BadInput
from control_bench.ros.balance_topics import BalanceTopics
from control_bench.ros.collector import Collector, Newest
from control_bench.ros.topics import topics_of
from control_bench.tasks.balance import Balance, BalanceSettings
from control_bench.tasks.kuka_balance import KukaBalance

STAMP = rospy.Time(1000, 500_000_000)
NAME = "robot3"


def topics(name=NAME, **settings):
    return BalanceTopics(Balance(BalanceSettings(**{"actions": "continuous", "size": 16} | settings)), name)


def readings(one, rows=1, images=False, seed=0):
    """Random ones that use every bit, of some rows."""
    rng, s = np.random.default_rng(seed), one.task.settings
    shown = {"poses": rng.normal(size=(rows, s.repeats, 2, 7)), "force": rng.normal(size=(rows, 2)) * 1e-7}
    if images:
        shown["images"] = rng.integers(0, 256, (rows, s.repeats, s.cameras, s.size, s.size, 3), np.uint8)
    return shown


def over_the_wire(moment):
    """As they come to another process."""
    come = {}
    for topic, messages in moment.items():
        come[topic] = []
        for message in messages:
            sent = BytesIO()
            message.serialize(sent)
            come[topic].append(type(message)())
            come[topic][-1].deserialize(sent.getvalue())
    return come


@pytest.mark.parametrize("repeats", [1, 2, 3])
@pytest.mark.parametrize("cameras", [1, 2])
def test_readings_come_back_to_the_last_bit(cameras, repeats):
    one = topics(observation="pixels", cameras=cameras, repeats=repeats)
    sent = readings(one, rows=2, images=True)
    for row in range(2):
        come = one.readings(over_the_wire(one.messages(sent, row, STAMP, set(one.types))))
        assert come.keys() == sent.keys()
        for name, values in come.items():
            assert values.dtype == sent[name].dtype
            np.testing.assert_array_equal(values, sent[name][row : row + 1])


@pytest.mark.parametrize("repeats", [1, 2, 3])
@pytest.mark.parametrize("observation", ["poses", "pixels"])
def test_a_controller_observes_over_topics_what_it_would_in_process(observation, repeats):
    settings = dict(observation=observation, cameras=2, repeats=repeats, push=0.0)
    one = topics(**settings)
    env, first = TaskEnv(one.task), np.array([False])
    observations = [env.reset(seed=1)[0]] + [env.step(np.array([0.5, -0.25], np.float32))[0] for _ in range(3)]
    sent = env._rows.world.read()
    heard = set(one.topics(one.task.observed))
    come = one.readings(over_the_wire(one.messages(sent, 0, STAMP, heard)))
    np.testing.assert_array_equal(one.task.observe(come, first)[0], observations[-1])
    judged = one.readings(over_the_wire(one.messages(sent, 0, STAMP, set(one.topics(("poses", "force"))))))
    assert one.task.judge(judged, first).reward[0] == 1.0 and judged["force"].tolist() == [[25.0, -12.5]]


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_each_message_has_the_stamp_that_it_was_taken_at(repeats):
    one = topics(cameras=2, repeats=repeats, steps_per_repeat=6)
    moment = one.messages(readings(one), 0, STAMP, set(one.types))
    expected = [STAMP - rospy.Duration(0, 25_000_000 * ago) for ago in reversed(range(repeats))]
    for topic, messages in moment.items():
        stamps = [message.header.stamp for message in messages]
        assert stamps == ([STAMP] if topic == "wrench" else expected), topic
        assert len(messages) == one.counts.get(topic, 1)
    assert moment.keys() == one.types.keys()
    assert all(type(message) is one.types[topic] for topic, those in moment.items() for message in those)


@pytest.mark.parametrize(("repeats", "steps"), [(1, 5), (2, 5), (3, 5), (3, 7), (7, 1)])
def test_a_moments_messages_are_collected_as_one_in_lockstep_and_in_real_time(repeats, steps):
    # Whatever a step's nanoseconds are, the messages lie within it, so that no two moments share one.
    one = topics(repeats=repeats, steps_per_repeat=steps)
    step = round(one.task.step_duration * 1e9)
    counts = one.needed(one.task.observed) | {"wrench": 1}
    collectors = one.collector(counts, True, None), one.collector(counts, False, one.pace)
    assert [type(collector) for collector in collectors] == [Collector, Newest]
    for n in range(3, 40):
        stamp, sent = rospy.Time(nsecs=n * step), readings(one, seed=n)
        moment = one.messages(sent, 0, stamp, set(counts))
        for collector in collectors:
            given = []
            for topic, messages in moment.items():
                for message in messages:
                    given.append(collector.add(topic, message.header.stamp.to_nsec(), message))
            assert [whole is not None for whole in given] == [False] * (len(given) - 1) + [True]
            assert collector.stamp == n * step
            np.testing.assert_array_equal(one.readings(given[-1])["poses"], sent["poses"])


def test_only_the_topics_that_are_wanted_are_made():
    one = topics(cameras=2)
    sent = readings(one)
    one._renderer.draw = None  # it would be called in vain
    for wanted in ([], ["pole_pose"], ["cart_pose", "wrench"], ["camera_1/camera_info"]):
        assert list(one.messages(sent, 0, STAMP, set(wanted))) == wanted
    sent = readings(one, images=True)
    assert list(one.messages(sent, 0, STAMP, {"camera_1/image_raw"})) == ["camera_1/image_raw"]


def test_readings_are_those_of_the_topics_that_there_are():
    one = topics()
    moment = one.messages(readings(one, images=True), 0, STAMP, set(one.types))
    for names in (("poses",), ("images",), ("force",), ("poses", "force"), ("images", "force")):
        heard = {topic: moment[topic] for topic in one.topics(names)}
        assert one.readings(heard).keys() == set(names)


def test_topics_are_named_by_what_they_carry():
    one = topics(cameras=2)
    assert one.topics(("poses",)) == ["cart_pose", "pole_pose"] and one.topics(("force",)) == ["wrench"]
    assert one.topics(("images",)) == ["camera_0/image_raw", "camera_1/image_raw"]
    assert one.needed(("images", "force")) == {"camera_0/image_raw": 2, "camera_1/image_raw": 2, "wrench": 1}
    assert one.needed(None).keys() == one.types.keys() and len(one.types) == 7
    assert isinstance(topics_of(one.task, NAME), BalanceTopics)


@pytest.mark.parametrize("repeats", [1, 2])
def test_those_who_look_on_get_pictures_of_the_poses_where_the_task_needs_none(repeats):
    settings = dict(cameras=2, repeats=repeats)
    blind, seeing = topics(**settings), topics(observation="pixels", **settings)
    env = TaskEnv(seeing.task)
    env.reset(seed=2)
    env.step(np.array([1.0, 0.0], np.float32))
    world = env._rows.world.read()
    assert np.ptp(world["images"]) > 100
    poses = {name: world[name] for name in ("poses", "force")}
    drawn, taken = (
        one.messages(sent, 0, STAMP, set(seeing.topics(("images",)))) for one, sent in ((blind, poses), (seeing, world))
    )
    assert drawn == taken and len(drawn["camera_1/image_raw"]) == repeats
    one_camera = blind.messages(poses, 0, STAMP, {"camera_1/image_raw"})
    assert one_camera == {"camera_1/image_raw": taken["camera_1/image_raw"]}


def test_frames_are_the_robots_own():
    one = topics(cameras=2)
    moment = one.messages(readings(one), 0, STAMP, set(one.types))
    frames = {topic: {message.header.frame_id for message in messages} for topic, messages in moment.items()}
    field = {"robot3/field"}
    assert frames == {"cart_pose": field, "pole_pose": field, "wrench": field} | {
        f"camera_{i}/{kind}": {f"robot3/camera_{i}_optical"} for i in range(2) for kind in ("image_raw", "camera_info")
    }


@pytest.mark.parametrize(("name", "x"), [("robot0", 0.0), ("robot3", 36.0), ("lab", 0.0)])
def test_transforms_say_where_everything_is(name, x):
    one = topics(name, cameras=2)
    sent = readings(one)
    found = {t.child_frame_id: t for t in one.transforms(sent, 0, STAMP)}
    assert {(t.header.frame_id, t.header.stamp) for child, t in found.items() if child != f"{name}/field"} == {
        (f"{name}/field", STAMP)
    }
    field = found[f"{name}/field"]
    assert field.header.frame_id == "world" and field.transform.translation.x == x
    for body, child in enumerate(("cart", "pole")):
        at, turned = found[f"{name}/{child}"].transform.translation, found[f"{name}/{child}"].transform.rotation
        told = [at.x, at.y, at.z, turned.x, turned.y, turned.z, turned.w]
        assert told == sent["poses"][0, -1, body].tolist()
    for i, camera in enumerate(one.task.cameras):
        at, turned = (
            getattr(found[f"{name}/camera_{i}_optical"].transform, part) for part in ("translation", "rotation")
        )
        assert (at.x, at.y, at.z) == camera.eye
        axes = Rotation.from_quat([turned.x, turned.y, turned.z, turned.w]).as_matrix()
        np.testing.assert_allclose(axes.T, camera.axes(), atol=1e-12)  # x right, y down, z ahead


# Commands.


def test_a_command_comes_back_to_the_last_bit():
    one, rng = topics(), np.random.default_rng(0)
    for _ in range(20):
        command = rng.normal(size=2) * 50
        (message,) = over_the_wire({"command": [one.command_message(command, STAMP)]})["command"]
        assert isinstance(message, WrenchStamped) and one.command_of(message).tolist() == command.tolist()
        assert (message.header.stamp, message.header.frame_id) == (STAMP, "robot3/field")
        assert (message.wrench.force.z, message.wrench.torque.x, message.wrench.torque.z) == (0.0, 0.0, 0.0)
    assert one.command_of(one.command_message(one.stop, STAMP)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("force", [(np.nan, 0.0), (0.0, np.inf), (-np.inf, 1.0)])
def test_a_command_that_is_not_finite_is_refused(force):
    message = WrenchStamped()
    message.wrench.force.x, message.wrench.force.y = force
    with pytest.raises(BadInput, match="force .* is not finite") as caught:
        topics().command_of(message)
    assert "\n" not in str(caught.value)


def test_a_picture_of_another_size_is_refused_by_its_topic():
    sender, hearer = topics(cameras=2), topics(cameras=2, size=20)
    moment = sender.messages(readings(sender), 0, STAMP, set(sender.topics(("images",))))
    with pytest.raises(BadInput, match="^robot3/camera_0/image_raw: has images of 16 x 16, .* 20 x 20"):
        hearer.readings(moment)


def test_a_task_that_is_derived_has_the_same_topics():
    class Heavier(Balance):
        name = "heavier"

    assert isinstance(topics_of(Heavier(), NAME), BalanceTopics)
    with pytest.raises(BadInput, match="task 'kuka_balance' has no topics: over ROS there is drivebot, reach, balance"):
        topics_of(KukaBalance(), NAME)
