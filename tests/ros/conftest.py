"""What the rostests share: masters of their own, launches that are ended by their process id, and messages
collected."""

import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path

import pytest
import rosgraph

ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items) -> None:
    """What keeps real time comes last: by then scripts/test is done with the tests that it runs beside these."""
    items.sort(key=lambda item: item.get_closest_marker("realtime") is not None)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        return one.getsockname()[1]


def wait_for(condition, timeout: float, what: str):
    """What `condition()` gives once it gives anything; fails with `what` after so many seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout} s in vain for {what}")


class Launch:
    """A roslaunch, or any command, on a master of its own port; its output in a file."""

    def __init__(self, command: list[str], output: Path, environment: dict[str, str]) -> None:
        self.output = output
        with open(output, "w") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )

    def text(self) -> str:
        return self.output.read_text()

    def wait(self, timeout: float) -> int:
        return self.process.wait(timeout)

    def wait_for_text(self, text: str, timeout: float = 30.0, times: int = 1) -> None:
        wait_for(lambda: self.text().count(text) >= times, timeout, f"{text!r} in:\n{self.text()[-3000:]}")

    def end(self) -> None:
        """Ends it, by its process id: roslaunch ends its nodes itself."""
        if self.process.poll() is None:
            self.process.send_signal(2)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait()


@pytest.fixture
def ros(tmp_path):
    """Starts launches and nodes on one master port; ends them all."""
    port = free_port()
    uri = f"http://localhost:{port}"
    environment = os.environ | {"ROS_MASTER_URI": uri, "ROS_LOG_DIR": str(tmp_path / "log"), "PYTHONUNBUFFERED": "1"}
    started: list[Launch] = []

    class Ros:
        master = uri
        env = environment

        @staticmethod
        def start(*command: str, **extra: str) -> Launch:
            launch = Launch(list(command), tmp_path / f"output-{len(started)}.txt", environment | extra)
            started.append(launch)
            return launch

        @staticmethod
        def core() -> Launch:
            core = Ros.start("roscore", "-p", str(port))
            wait_for(lambda: port_open(port), 20, "roscore")
            return core

        @staticmethod
        def launch(*arguments: str, file: str = "drivebot.launch", **extra: str) -> Launch:
            return Ros.start("roslaunch", "-p", str(port), "control_bench", file, *arguments, **extra)

        @staticmethod
        def node(name: str, *arguments: str, **extra: str) -> Launch:
            return Ros.start("rosrun", "control_bench", name, *arguments, **extra)

    yield Ros
    for launch in reversed(started):
        launch.end()


def port_open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("localhost", port)) == 0


def node_pid(ros, name: str) -> int | None:
    """The process id of a node on a master."""
    try:
        uri = rosgraph.Master("/test", master_uri=ros.master).lookupNode(name)
        return xmlrpc.client.ServerProxy(uri).getPid("/test")[2]
    except (OSError, rosgraph.MasterException):
        return None


def connections(ros, name: str, topic: str) -> int:
    """How many connections a node has on a topic."""
    uri = rosgraph.Master("/test", master_uri=ros.master).lookupNode(name)
    return sum(one[4] == topic and bool(one[5]) for one in xmlrpc.client.ServerProxy(uri).getBusInfo("/test")[2])


def listener(ros, script: str, *arguments: str) -> Launch:
    """Runs a script of tests/ros as a process of its own: rospy holds one node a process, and one master."""
    return ros.start(sys.executable, str(Path(__file__).parent / script), *arguments)
