"""controller_node: runs a controller, learning or not, in a robot's namespace.

In lockstep it answers every moment's sensors with one command; in real time it takes the newest sensors, once a step,
with or without anybody judging. What it does with them is `Actor`'s, the same as in-process.
"""

import json
import threading
import time
from pathlib import Path

import numpy as np
import rospy
from std_msgs.msg import String

from control_bench.controllers.actor import Actor
from control_bench.controllers.base import Learner
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import load, save
from control_bench.msg import Reward
from control_bench.ros.connections import ANNOUNCEMENT, REWARD, publisher, subscribe
from control_bench.ros.look_on import LookOn
from control_bench.ros.node import read_parameters, run_node
from control_bench.ros.parameters import ControllerParameters, plan_of
from control_bench.ros.responder import Responder
from control_bench.ros.ticker import Ticker
from control_bench.ros.topics import topics_of
from control_bench.ros.warm_up import warm_up
from control_bench.worlds.base import Readings

CONNECTING = 1.0
"""Seconds of wall time that the world and the benchmark may take to be heard; without them it drives all the same."""
SAVING = 0.1
"""The share of a learner's time that its checkpoints may take: a replay of pictures is large."""


class ControllerNode:
    """What both clocks share: the actor, the topics, and what a learner saves."""

    def __init__(self, parameters: ControllerParameters) -> None:
        self.plan = plan = plan_of(parameters)
        if not parameters.learn:
            plan.check_trained()
        self.task = plan.make_task()
        controller = plan.make_controller(self.task, parameters.seed)
        self.actor = Actor(controller, parameters.learn)
        self._about = plan.about(self.task) | {"seed": parameters.seed}
        self._saved = Path(parameters.out) / "last.pt" if parameters.out and parameters.learn else None
        self._saved_at = self._saving = 0.0
        self._take_up()
        self.name = rospy.get_namespace().strip("/") or "robot0"
        self.lock = threading.RLock()
        self._topics = topics_of(self.task, self.name)
        counts, lockstep = self._topics.needed(self.task.observed), parameters.clock == "lockstep"
        pace = self._topics.pace if self._topics.answers and not lockstep else None
        if pace:
            counts[pace] = self._topics.counts.get(pace, 1)
        self._collector = self._topics.collector(counts, lockstep, pace)
        self._heard = dict.fromkeys(counts, time.monotonic())
        self.silent_after = parameters.sensor_timeout
        self._command = publisher(self._topics.command, self._topics.Command, parameters.clock)
        self._announcement = rospy.Publisher(ANNOUNCEMENT, String, queue_size=1, latch=True)
        self._double = False

    def start(self) -> None:
        """Hears sensors and judgements from now on, and says that it drives: the last thing before it spins."""
        heard = [subscribe(topic, self._topics.types[topic], self._sense, topic) for topic in self._heard]
        heard.append(subscribe(REWARD, Reward, self.judge))
        # An episode begins once it has said so: in real time, a first judgement that it missed would not come again.
        patience = time.monotonic() + CONNECTING
        while time.monotonic() < patience and not all(one.get_num_connections() for one in heard):
            time.sleep(0.02)
        about = {"started": time.time(), "learning": self.actor.learning}
        self._announcement.publish(json.dumps(self._about | about))

    def _take_up(self) -> None:
        if self._saved is None or not self._saved.is_file():
            return
        contents = load(self._saved)
        if "actor" not in contents.get("training", {}):
            raise BadInput(f"{self._saved}: was not learned over ROS: give another out, and it as the checkpoint")
        if any(
            contents.get(key) != self._about[key] for key in ("task", "controller", "spaces", "controller_settings")
        ):
            raise BadInput(f"{self._saved}: learned with other settings: give another out, or the same settings")
        self.actor.controller.set_state(contents["training"]["learner"])
        self.actor.set_state(contents["training"]["actor"])  # or a replay would join its last episode to the next
        rospy.loginfo("goes on from %s", self._saved)

    def save(self, last: bool = False) -> None:
        """Keeps what was learned so far, if it is to be: what is large not after every episode, but at the last."""
        if self._saved is None or not isinstance(self.actor.controller, Learner):
            return
        begun = time.monotonic()
        if not last and begun - self._saved_at < self._saving / SAVING:
            return
        learner = self.actor.controller
        about = self._about | {"policy": learner.get_policy()}
        about["training"] = {"learner": learner.get_state(), "actor": self.actor.get_state()}
        save(self._saved, about)
        self._saved_at = time.monotonic()
        self._saving = self._saved_at - begun

    def _sense(self, message, topic: str) -> None:
        with self.lock:
            self._heard[topic] = time.monotonic()
            messages = self._collector.add(topic, message.header.stamp.to_nsec(), message)
            if messages is not None:
                self.moment(self._topics.readings(messages), self._collector.stamp)

    def quiet(self) -> tuple[float, str]:
        """For how long the sensor that fell silent first has been so, s, and its topic."""
        topic = min(self._heard, key=self._heard.get)
        return time.monotonic() - self._heard[topic], topic

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


class LockstepController(ControllerNode):
    """One command for every moment, an episode's last one too (see responder.py)."""

    def __init__(self, parameters: ControllerParameters) -> None:
        super().__init__(parameters)
        self._responder = Responder(self.actor, self.observe, round(self.task.step_duration * 1e9))
        self.start()

    def judge(self, message: Reward) -> None:
        with self.lock:
            self._responder.judge(message.header.stamp.to_nsec(), message)
            self._answer()

    def moment(self, readings: Readings, stamp: int) -> None:
        self._responder.sense(stamp, readings)
        self._answer()

    def _answer(self) -> None:
        for action in self._responder.actions():
            if action is None:
                self.stop()
                self.save()
            else:
                self.send(action)

    def spin(self) -> None:
        silent = False
        while not rospy.is_shutdown():
            time.sleep(0.5)
            self.check_alone()
            quiet, topic = self.quiet()
            if quiet > self.silent_after and not silent:
                rospy.logwarn("no sensors (%s) for %.0f s: waiting for the world", topic, quiet)
            silent = quiet > self.silent_after


class RealtimeController(ControllerNode):
    """Acts once a step on the newest sensors; judgements, where there are any, tell of episodes and rewards."""

    def __init__(self, parameters: ControllerParameters) -> None:
        super().__init__(parameters)
        self._readings: dict | None = None
        self._ticker = Ticker(self.actor, self.observe)
        self._silent = False
        controller = self.actor.controller
        warm_up(self.plan, controller)
        controller.deadline = self.task.step_duration
        self._look_on = LookOn(self._topics, controller)
        self.start()
        if not self._topics.answers:
            self._timer = rospy.Timer(rospy.Duration(self.task.step_duration), self._tick)

    def moment(self, readings: Readings, stamp: int) -> None:
        self._readings = readings
        if self._topics.answers:
            self._tick()

    def judge(self, message: Reward) -> None:
        with self.lock:
            self._ticker.judge(message)

    def _tick(self, event=None) -> None:
        with self.lock:
            if self._readings is None or self._stop_when_silent():
                return
            action, ended = self._ticker.tick(self._readings)
            if action is not None:
                self.send(action)
            if ended:
                self.save()
            self._look_on.step()

    def _stop_when_silent(self) -> bool:
        quiet, topic = self.quiet()
        silent = quiet > self.silent_after
        if silent and not self._silent:
            rospy.logwarn("no sensors (%s) for %.1f s: stopping the robot until they come again", topic, quiet)
            if not self._topics.brakes:
                self.stop()
            self._ticker.interrupt()
        self._silent = silent
        return silent

    def spin(self) -> None:
        checked = 0.0
        while not rospy.is_shutdown():
            time.sleep(0.05)
            with self.lock:  # where the sensors time the steps, their silence does not
                if self._readings is not None:
                    self._stop_when_silent()
            if time.monotonic() - checked > 0.5:
                checked = time.monotonic()
                self.check_alone()


def _main() -> None:
    parameters = read_parameters(ControllerParameters)
    node = (LockstepController if parameters.clock == "lockstep" else RealtimeController)(parameters)
    node.spin()
    node.save(last=True)


def main() -> None:
    """The executable."""
    run_node("controller_node", _main)
