"""What drives a robot over topics, in either clock: hears its sensors and judgements, and sends its commands."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import rospy
from std_msgs.msg import String

from control_bench.controllers.actor import Actor
from control_bench.msg import Reward
from control_bench.ros.connections import ANNOUNCEMENT, REWARD, publisher, subscribe
from control_bench.ros.learned import Learned
from control_bench.ros.parameters import ControllerParameters, plan_of
from control_bench.ros.silence import Silence
from control_bench.ros.topics import topics_of
from control_bench.worlds.base import Readings

CONNECTING = 1.0
"""Seconds of wall time that the world and the benchmark may take to be heard; without them it drives all the same."""


class Driver:
    """What both clocks share: the actor, the topics, and what was learned."""

    def __init__(self, parameters: ControllerParameters) -> None:
        self.plan = plan = plan_of(parameters)
        if not parameters.learn:
            plan.check_trained()
        self.task = plan.make_task()
        controller = plan.make_controller(self.task, parameters.seed)
        self.actor = Actor(controller, parameters.learn)
        self._about = plan.about(self.task) | {"seed": parameters.seed}
        file = Path(parameters.out) / "last.pt" if parameters.out and parameters.learn else None
        self.learned = Learned(file, self.actor, self._about)
        self.name = rospy.get_namespace().strip("/") or "robot0"
        self.lock = threading.RLock()
        self._topics = topics_of(self.task, self.name)
        counts, self._lockstep = self._topics.needed(self.task.observed), parameters.clock == "lockstep"
        pace = self._topics.pace if self._topics.answers and not self._lockstep else None
        if pace:
            counts[pace] = self._topics.counts.get(pace, 1)
        self._collector = self._topics.collector(counts, self._lockstep, pace)
        self._sensors, self.silence = list(counts), Silence(counts)
        self.silent_after = parameters.sensor_timeout
        self._command = publisher(self._topics.command, self._topics.Command, parameters.clock)
        self._announcement = rospy.Publisher(ANNOUNCEMENT, String, queue_size=1, latch=True)
        self._double = False

    def start(self) -> None:
        """Hears sensors and judgements from now on, and says that it drives: the last thing before it spins."""
        heard = [
            subscribe(topic, self._topics.types[topic], self._sense, topic, every=self._lockstep)
            for topic in self._sensors
        ]
        heard.append(subscribe(REWARD, Reward, self.judge, every=True))
        # An episode begins once it has said so: in real time, a first judgement that it missed would not come again.
        patience = time.monotonic() + CONNECTING
        while time.monotonic() < patience and not all(one.get_num_connections() for one in heard):
            time.sleep(0.02)
        about = {"started": time.time(), "learning": self.actor.learning}
        self._announcement.publish(json.dumps(self._about | about))

    def _sense(self, message, topic: str) -> None:
        with self.lock:
            self.silence.hear(topic)
            messages = self._collector.add(topic, message.header.stamp.to_nsec(), message)
            if messages is not None:
                self.moment(self._topics.readings(messages), self._collector.stamp)

    def moment(self, readings: Readings, stamp: int) -> None:
        """All sensors of a moment have come, with the newest stamp, ns; under the lock."""
        raise NotImplementedError

    def judge(self, message: Reward) -> None:
        """A judgement has come."""
        raise NotImplementedError

    def observe(self, readings, first: bool) -> np.ndarray:
        return self.task.observe(readings, np.array([first]))[0]

    def send(self, action) -> None:
        self._send(self.task.command(np.asarray(action)[None])[0])

    def _send(self, command: np.ndarray) -> None:
        stamp = rospy.Time(nsecs=max(self._collector.stamp, 0))
        self._command.publish(self._topics.command_message(command, stamp))

    def stop(self) -> None:
        """Has the robot keep still."""
        self._send(self._topics.stop)

    def check_alone(self) -> None:
        """Says so, once, when another node commands the same robot: two drivers are never meant."""
        others = [node for node in _publishers(self._command.resolved_name) if node != rospy.get_name()]
        if others and not self._double:
            rospy.logerr("%s is also sent by %s: end one of the two", self._command.resolved_name, ", ".join(others))
        self._double = bool(others)


def _publishers(topic: str) -> list[str]:
    try:
        published, _, _ = rospy.get_master().getSystemState()[2]
    except OSError:
        return []
    return next((nodes for name, nodes in published if name == topic), [])
