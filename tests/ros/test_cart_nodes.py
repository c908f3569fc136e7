"""cartpole.launch in real time: its topics; and what becomes of a pixel policy whose camera is bad, or stops."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import node_pid, wait_for

from control_bench.bench.run import run_episode
from control_bench.bench.store import Store
from control_bench.controllers.actor import Actor
from control_bench.env import TaskEnv
from control_bench.learning.checkpoint import save
from control_bench.plan import make_plan, spaces_of

CAMERA = str(Path(__file__).with_name("mock_camera.py"))
GAINS = np.array([0.65, 0.5, 11.0, 1.23, 1.77, 0.1])


def checkpoint(path: Path, controller: str, policy: dict | None = None, **settings) -> Path:
    """A policy of a controller, as `train` writes it: the given one, or an untrained one."""
    plan = make_plan("balance", controller, assignments=settings)
    task, resolved = plan.make_task(), plan.resolved()
    about = {"task": "balance", "controller": controller, "seed": 0, "spaces": spaces_of(task), "steps": 0}
    about |= {f"{name}_settings": resolved[name] for name in ("task", "controller")}
    save(path, about | {"policy": policy or plan.make_controller(task).get_policy()})
    return path


def echo(ros, topic: str, count: int):
    return ros.start("rostopic", "echo", "-n", str(count), topic)


@pytest.mark.realtime
def test_a_cart_in_real_time(ros, tmp_path):
    # Poses and pictures come 48 times a second, each with the stamp that it was taken at, with their lens and frames;
    # the controller answers 24 times a second, and the pole stays up from where the reset put it.
    policy = checkpoint(tmp_path / "linear.pt", "linear", {"gains": GAINS})
    launch = ros.launch(
        f"checkpoint:={policy}", "controller:=linear", "episodes:=2", f"store:={tmp_path / 'cart.db'}",
        "settings:=task.cameras=2", file="cartpole.launch",
    )  # fmt: skip
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 40, "the controller")
    poses, info = echo(ros, "/robot0/pole_pose", 40), echo(ros, "/robot0/camera_1/camera_info", 1)
    image, force = echo(ros, "/robot0/camera_0/image_raw/header", 1), echo(ros, "/robot0/cart/command", 1)
    frames = ros.start("rostopic", "echo", "/tf")
    assert poses.wait(30) == 0 and 'frame_id: "robot0/field"' in poses.text()
    stamps = [int(s) + 1e-9 * int(n) for s, n in re.findall(r"secs: (\d+)\s+nsecs: +(\d+)", poses.text())]
    assert abs(np.median(np.diff(stamps)) - 5 / 240) < 0.005 and len(set(stamps)) > 30  # the first may come again
    assert info.wait(30) == 0 and "height: 50" in info.text() and "plumb_bob" in info.text()
    assert image.wait(30) == 0 and "camera_0_optical" in image.text()
    assert force.wait(30) == 0 and "secs: 0\n" not in force.text() and 'frame_id: "robot0/field"' in force.text()
    for child in ("robot0/field", "robot0/cart", "robot0/pole", "robot0/camera_1_optical"):
        frames.wait_for_text(f'child_frame_id: "{child}"')
    frames.end()
    launch.wait(90)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    with Store(tmp_path / "cart.db", create=False) as opened:
        (run,) = opened.runs()
        episodes = list(opened.episodes(run))
    assert run.via == "realtime" and len(episodes) == 2
    assert set(episodes[0].readings) == {"poses", "force"}  # pictures can be drawn again
    assert episodes[0].readings["poses"].shape[1:] == (2, 2, 7)
    # Time stands still from the reset until the driver answers: an episode begins as in-process, with no step between.
    plan = make_plan("balance", "linear", checkpoint=policy)
    for episode in episodes:
        env = TaskEnv(plan.make_task())
        ours = run_episode(env, Actor(plan.make_controller(env.task)), episode.index, episode.seed)
        np.testing.assert_array_equal(episode.actions[0], ours.actions[0])
        np.testing.assert_array_equal(episode.readings["poses"][:2], ours.readings["poses"][:2])


def start_policy(ros, tmp_path, size: int, encoding: str, seconds: float):
    """A pixel policy in real time, and a cart whose camera sends such images for so long."""
    policy = checkpoint(
        tmp_path / "naf.pt", "naf", **{"observation": "pixels", "hidden": [8], "filters": [4], "mirror": False}
    )
    ros.core()
    node = ros.node(
        "controller_node", "_task:=balance", "_controller:=naf", f"_checkpoint:={policy}", "_clock:=realtime",
        "_sensor_timeout:=1.0",
    )  # fmt: skip
    return node, ros.start(sys.executable, CAMERA, str(size), encoding, str(seconds))


@pytest.mark.realtime
def test_a_camera_that_stops(ros, tmp_path):
    # The controller sends nothing new meanwhile, so that the last force holds; after sensor_timeout it says which
    # camera is silent, and sends the cart no force.
    node, cart = start_policy(ros, tmp_path, 50, "rgb8", 3.0)
    node.wait_for_text("no sensors (camera_0/image_raw) for 1.0 s: stopping the robot", 60)
    cart.wait_for_text("commanded 0.0 0.0")
    before, after = cart.text().split("the camera stops")
    assert before.count("commanded") > 10 and "commanded 0.0 0.0" not in before
    stopped = float(before.splitlines()[-1].split()[0])
    told = [line.split() for line in after.splitlines() if "commanded" in line]
    still = [float(at) for at, _, *force in told if force == ["0.0", "0.0"]]
    assert still[0] - stopped > 0.8
    # What was on its way comes; then nothing until the cart is told to be still.
    assert not [at for at, _, *force in told if force != ["0.0", "0.0"] and float(at) - stopped > 0.6]


@pytest.mark.parametrize(
    "size, encoding, said",
    [
        (64, "rgb8", "has images of 64 x 64, the policy was made for 50 x 50"),
        (50, "mono8", "has mono8 images: have its publisher send rgb8 or bgr8"),
    ],
)
def test_images_that_the_policy_was_not_made_for(ros, tmp_path, size, encoding, said):
    # One line that names the topic and the mend, and status 2.
    node, _ = start_policy(ros, tmp_path, size, encoding, 60.0)
    assert node.wait(60) == 2
    assert said in node.text() and "camera_0/image_raw" in node.text() and "Traceback" not in node.text()
