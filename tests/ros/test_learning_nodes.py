"""Learning over the topics in real time and by several robots, and real time's sensor noise."""

import numpy as np
import pytest

from control_bench.bench.store import Store
from control_bench.learning.checkpoint import load, save


@pytest.mark.realtime
def test_a_table_learns_in_real_time(ros, tmp_path):
    # 5 steps a second. A tick that falls between two judgements learns both as one step, so counts may differ by a few.
    out = tmp_path / "learned"
    launch = ros.launch(
        "clock:=realtime", "controller:=q_table", "learn:=true", f"out:={out}", "episodes:=2",
        "settings:=task.max_steps=12",
    )  # fmt: skip
    launch.wait(60)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    learner = load(out / "last.pt")["training"]["learner"]
    assert 18 <= learner["steps"] <= 28


@pytest.mark.realtime
def test_every_step_of_a_pole_is_learned_with_its_own_reward_in_real_time(ros, tmp_path):
    # It acts once a moment is judged, so that an end is learned where it was, not with the next episode's beginning.
    out, store = tmp_path / "learned", tmp_path / "pole.db"
    launch = ros.launch(
        "clock:=realtime", "controller:=dqn", "learn:=true", f"out:={out}", "episodes:=8", f"store:={store}",
        file="cartpole.launch",
    )  # fmt: skip
    launch.wait(90)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        episodes = list(opened.episodes(run))
    learner = load(out / "last.pt")["training"]["learner"]
    learned = {name: values[:, 0] for name, values in learner["replay"]["data"].items() if name != "observation"}
    assert len(episodes) == 8 and {episode.outcome for episode in episodes} == {"fallen"}
    ends = learned["terminated"] & learned["valid"]
    assert ends.sum() == 8 and not learned["truncated"].any()
    # A moment that came before the last one was answered is one step with it.
    assert 0.8 * sum(episode.steps for episode in episodes) <= learner["steps"] <= sum(one.steps for one in episodes)
    assert learned["reward"][learned["valid"]].sum() == sum(episode.reward for episode in episodes)


def test_two_robots_learn_each_for_itself(ros, tmp_path):
    # Each has a table and a folder of its own, here given from where the launch was called.
    launch = ros.launch(
        "clock:=lockstep", "controller:=q_table", "learn:=true", "out:=learned", "episodes:=4", "robots:=2",
        "settings:=task.max_steps=40", PWD=str(tmp_path),
    )  # fmt: skip
    launch.wait(60)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    first, second = (load(tmp_path / "learned" / f"robot{n}" / "last.pt")["training"]["learner"] for n in range(2))
    assert first["steps"] > 0 and second["steps"] > 0
    assert not np.array_equal(first["policy"]["values"], second["policy"]["values"])


def test_sensor_noise_is_there_in_real_time_too(ros):
    ros.core()
    ros.node("world_node", "_clock:=realtime", "_settings:=task.sensor_noise=true")  # alone: nothing moves
    echo = ros.start("rostopic", "echo", "-n", "10", "/robot0/sonar_0/range")
    assert echo.wait(60) == 0
    ranges = [line for line in echo.text().splitlines() if line[:1].isdigit()]
    assert len(set(ranges)) > 1, ranges


def test_a_folder_that_was_trained_in_is_not_learned_on(ros, tmp_path):
    # Its replay is of other rows than one robot's: the node says what to do instead, and the file stays.
    save(tmp_path / "last.pt", {"task": "drivebot", "controller": "q_table", "training": {"learner": {}}})
    before = (tmp_path / "last.pt").read_bytes()
    launch = ros.launch("controller:=q_table", "learn:=true", f"out:={tmp_path}")
    launch.wait(40)
    (line,) = (line for line in launch.text().splitlines() if "was not learned over ROS: give another out" in line)
    assert "FATAL" in line and "Traceback" not in launch.text()
    assert (tmp_path / "last.pt").read_bytes() == before
