"""grasp.launch: the same episodes over topics, its topics in real time, and the service that plans for any camera."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import listener, node_pid, wait_for
from scipy.spatial.transform import Rotation
from test_lockstep_parity import assert_same, in_process, over_ros

from control_bench.bench.store import Store

CAMERA, MOVED = str(Path(__file__).with_name("mock_depth_camera.py")), {"shift_least": 0.02, "shift_most": 0.05}


def told(settings: dict) -> str:
    return "settings:=" + " ".join(f"{name}={value}" for name, value in settings.items())


@pytest.mark.parametrize(
    "task, controller, settings, arguments, episodes",
    [
        ("grasp", "dexnet", {}, [], 3),
        ("grasp", "dexnet", {"planner": "fully_convolutional", "task.hand": "kuka"}, [], 1),
        ("grasp", "random_grasp", MOVED | {"task.closed_loop": "true"}, ["closed_loop:=true"], 2),
        ("bin", "antipodal_grasp", {"task.count": 5}, ["task:=bin"], 1),
    ],
)
def test_grasps_are_the_same_over_topics_to_the_last_bit(
    ros, tmp_path, one_thread, task, controller, settings, arguments, episodes
):
    # Every depth picture, grasp and reward, a closed loop's and a heap's too: planned over topics as in-process.
    own = {name: value for name, value in settings.items() if name != "task.closed_loop"}
    run, theirs = over_ros(
        ros, tmp_path, f"controller:={controller}", f"episodes:={episodes}", "seed:=5", "planner:=false", told(own),
        *arguments, file="grasp.launch",
    )  # fmt: skip
    assert (run.task, run.via) == (task, "lockstep")
    assigned = {name: value == "true" if value == "true" else value for name, value in settings.items()}
    assert_same(in_process(controller, episodes, 5, task=task, **assigned), theirs)


@pytest.mark.realtime
def test_a_closed_loop_in_real_time(ros, tmp_path):
    # Pictures come five times a second with their intrinsics and frames, grasps answer them, and an object that is
    # moved on the way is followed and held.
    launch = ros.launch(
        "episodes:=2", "seed:=5", "planner:=false", told(MOVED), f"store:={tmp_path / 'grasp.db'}", file="grasp.launch"
    )
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 60, "the controller")
    echo = {
        topic: ros.start("rostopic", "echo", "-n", "1", f"/robot0/{topic}")
        for topic in ("camera/depth/camera_info", "camera/depth/image_raw/header", "grasp_state", "grasp", "grasp_pose")
    }
    frames = ros.start("rostopic", "echo", "/tf")
    for one in echo.values():
        assert one.wait(60) == 0
    assert "height: 480" in echo["camera/depth/camera_info"].text()
    assert 'frame_id: "robot0/camera_depth_optical"' in echo["camera/depth/image_raw/header"].text()
    for topic in ("grasp_state", "grasp", "grasp_pose"):
        assert 'frame_id: "robot0/table"' in echo[topic].text() and "secs: 0\n" not in echo[topic].text()
    assert float(re.search(r"quality: (\S+)", echo["grasp"].text())[1]) > 0.5
    for child in ("robot0/table", "robot0/camera_depth_optical", "robot0/hand"):
        frames.wait_for_text(f'child_frame_id: "{child}"')
    frames.end()
    launch.wait(90)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    with Store(tmp_path / "grasp.db", create=False) as opened:
        (run,) = opened.runs()
        episodes = list(opened.episodes(run))
    assert [episode.outcome for episode in episodes] == ["held", "held"]
    # 0.2 s a step, and each grasp takes some four seconds.
    assert all(15 < episode.steps < 40 for episode in episodes)


@pytest.mark.realtime
def test_a_heap_is_cleared_in_real_time(ros, tmp_path):
    # One grasp after the other, each with pictures all the way.
    store = tmp_path / "bin.db"
    launch = ros.launch(
        "task:=bin", "episodes:=1", "seed:=5", "planner:=false", "settings:=task.count=5", f"store:={store}",
        file="grasp.launch",
    )  # fmt: skip
    launch.wait(150)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    with Store(store, create=False) as opened:
        (episode,) = opened.episodes(next(iter(opened.runs())))
    assert episode.scores["cleared"] >= 0.8 and 60 < episode.steps < 300


def test_a_grasp_in_one_go_is_refused_in_real_time(ros):
    # Its camera would tell every 8 s, and be taken for dead.
    launch = ros.launch("closed_loop:=false", "planner:=false", file="grasp.launch")
    launch.wait(60)
    assert "closed_loop: in real time pictures come all the way" in launch.text()


def planner(ros, what: str, *parameters: str):
    """The planner's node, and a camera that shows it something."""
    ros.core()
    ros.start(sys.executable, CAMERA, what)
    return ros.node("grasp_planner_node", "__ns:=/robot0", *parameters)


def ask(ros, **request) -> dict:
    client = listener(ros, "plan_grasp_client.py", json.dumps(request))
    assert client.wait(60) == 0, client.text()
    return json.loads(client.text().splitlines()[-1])


@pytest.mark.parametrize("what", ["object", "millimetres"])
def test_a_grasp_is_planned_for_any_camera(ros, what):
    # Of a block 30 mm wide, 80 mm long: across it, into the table, with both kinds of depth pictures; within a mask and
    # within a box as well; the best is published too.
    planner(ros, what)
    best, pose = (ros.start("rostopic", "echo", "-n", "1", f"/robot0/{name}") for name in
                  ("planned_grasp", "planned_grasp_pose"))  # fmt: skip
    answer = ask(ros)
    assert answer["success"] and answer["message"] == "" and 0 < answer["seconds"] < 5
    qualities = [grasp["quality"] for grasp in answer["grasps"]]
    assert qualities == sorted(qualities, reverse=True) and qualities[0] > 0.5
    grasp = answer["grasps"][0]
    assert grasp["frame"] == "camera" and grasp["stamp"] > 1e9
    turned = Rotation.from_quat(grasp["quaternion"]).as_matrix()
    # The camera leans by 0.1 rad about its picture's rows, the table's normal with it; the block's narrow side is along
    # the world's x, which is down in the picture.
    np.testing.assert_allclose(turned[:, 2], [0.0, np.sin(0.1), np.cos(0.1)], atol=0.03)
    assert abs(turned[1, 0]) > 0.9
    left, top, right, bottom = 300, 100, 400, 300
    for request in ({"box": [left, top, right, bottom]}, {"mask": [left, top, right, bottom]}):
        inside = ask(ros, **request)
        assert inside["success"]
        assert all(left <= one["pixel"][0] <= right and top <= one["pixel"][1] <= bottom for one in inside["grasps"])
    assert best.wait(20) == 0 and pose.wait(20) == 0


@pytest.mark.parametrize(
    "what, word, request_",
    [
        ("no_info", "no CameraInfo on /robot0/camera/depth/camera_info", {"timeout": 1.0}),
        ("table", "nothing stands on the table", {}),
        ("nan", "no depth at all", {}),
        ("small", "smaller than a crop", {}),
        ("bytes", "mono8 images", {}),
        ("other_info", "CameraInfo of 240 x 320", {}),
        ("object", "mask: of 10 x 20 pixels", {"mask": [0, 0, 5, 5], "mask_size": [10, 20]}),
        ("object", "box: send four numbers", {"box": [1.0, 2.0]}),
        ("object", "box: holds no pixel", {"box": [900, 900, 950, 950]}),
        ("object", "box: holds nothing that may be grasped", {"box": [5, 5, 30, 30]}),
        ("object", "mask: is 0 everywhere", {"mask": [700, 500, 710, 510]}),
        ("object", "timeout", {"timeout": -1.0}),
    ],
)
def test_what_is_wrong_is_said_in_words(ros, what, word, request_):
    # No fault of a camera or of a request ends the node, or leaves who asked without an answer.
    node = planner(ros, what)
    answer = ask(ros, **request_)
    assert not answer["success"] and not answer["grasps"] and word in answer["message"], answer
    assert node.process.poll() is None
    assert "Traceback" not in node.text()


@pytest.mark.realtime
def test_a_camera_that_has_stopped_is_told_of(ros):
    # Its last picture is too old to grasp by.
    planner(ros, "once", "_age:=0.5")
    answer = ask(ros, timeout=1.5)
    while answer["success"]:  # the first may still be in time
        answer = ask(ros, timeout=1.5)
    assert "the newest picture" in answer["message"] or "no depth picture" in answer["message"]


def test_a_camera_other_than_the_tasks_ends_the_controller(ros):
    # Grasps planned with another lens would lie beside the object: that is bad input, in a line, and status 2.
    ros.core()
    ros.start(sys.executable, CAMERA, "other_info")
    node = ros.node(
        "controller_node", "__ns:=/robot0", "_task:=grasp", "_controller:=random_grasp", "_clock:=realtime",
        "_settings:=task.closed_loop=true",
    )  # fmt: skip
    state = ros.start("rostopic", "pub", "-r", "5", "/robot0/grasp_state", "control_bench/GraspState", "{}", "-s")
    assert node.wait(60) == 2 and "set task.focal" in node.text()
    state.end()
