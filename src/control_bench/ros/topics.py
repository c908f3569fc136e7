"""What a task is on topics, for nodes that know no task: one class a task, found by the task's name."""

import re
from collections.abc import Collection
from typing import Any, ClassVar

import numpy as np
import rospy

from control_bench.controllers.base import Controller
from control_bench.errors import BadInput
from control_bench.resources import load_class
from control_bench.ros.collector import Collector, InOrder, Moment, Newest
from control_bench.ros.connections import publisher, send, subscribe
from control_bench.ros.look_on import LookOn
from control_bench.tasks.base import Task
from control_bench.worlds.base import Readings, World

TOPICS = {
    "drivebot": "control_bench.ros.drivebot_topics:DrivebotTopics",
    "reach": "control_bench.ros.reach_topics:ReachTopics",
    "balance": "control_bench.ros.balance_topics:BalanceTopics",
    "grasp": "control_bench.ros.grasp_topics:GraspTopics",
}
"""A task's name to `module:class`."""


class Topics:
    """The topics of one robot, relative to its namespace, which is also what its frames begin with.

    Attributes:
        types: of every sensor topic. counts: how many messages a moment has, of topics that have several: the last has
            the moment's stamp. pace: the one of them that times the steps in real time, the last to be published.
        answers: whether a controller acts on every message of `pace` in real time, not by a clock of its own.
        realtime: `module:function` that runs the world in real time, of a task and WorldParameters. simulators: besides
            `embedded`, by name, as `realtime`.
        frame: that paths are told in.
        command, Command: the topic of commands, and their type.
        stop: the command that keeps still. brakes: whether the robot keeps still by itself where it is sent none.
    """

    types: dict[str, type]
    counts: ClassVar[dict[str, int]] = {}
    pace: str
    answers: bool = False
    brakes: bool = False
    realtime: str
    frame: str
    simulators: ClassVar[dict[str, str]] = {}
    command: str
    Command: type
    stop: np.ndarray

    def __init__(self, task: Task, name: str) -> None:
        self.task, self.name = task, name
        # Where several robots are, each has a place of its own by its number.
        numbered = re.fullmatch(r"robot(\d+)", name)
        self.number = int(numbered[1]) if numbered else 0

    def topics(self, readings: tuple[str, ...]) -> list[str]:
        """The topics that carry some readings."""
        raise NotImplementedError

    def needed(self, readings: tuple[str, ...] | None) -> dict[str, int]:
        """The topics that carry some readings, or all, and how many messages a moment has of each."""
        names = self.types if readings is None else self.topics(readings)
        return {topic: self.counts.get(topic, 1) for topic in names}

    def collector(
        self, counts: dict[str, int], lockstep: bool, pace: str | None, every: bool = False
    ) -> Collector | Newest | InOrder:
        """What puts the messages of a moment together; in real time, where there is a pace, by that topic.

        every: whether all moments are wanted, where the pace's messages are the steps, not the newest at once.
        """
        if lockstep:
            return Collector(counts, round(self.task.step_duration * 1e9))
        return InOrder(counts, pace) if every and self.answers else Newest(counts, pace, fresh=self.answers)

    def messages(self, readings: Readings, row: int, stamp: rospy.Time, wanted: Collection[str]) -> Moment:
        """A row's readings as messages, on the topics that are wanted alone."""
        raise NotImplementedError

    def readings(self, messages: Moment) -> Readings:
        """Readings of one row from messages: the inverse of `messages`; BadInput where they are of no use."""
        raise NotImplementedError

    def holding(self, world: World, row: int) -> np.ndarray:
        """The command that keeps a row still, as the world is now; for worlds in real time."""
        return self.stop

    def transforms(self, readings: Readings, row: int, stamp: rospy.Time) -> list:
        """Where the robot and its sensors are, for /tf."""
        raise NotImplementedError

    def command_message(self, command: np.ndarray, stamp: rospy.Time) -> Any:
        """A command of one row as a message; stamp: of the sensors that it answers."""
        raise NotImplementedError

    def command_of(self, message: Any) -> np.ndarray:
        """The command that a message stands for; BadInput where it stands for none, as when it is not finite."""
        raise NotImplementedError

    def make_scene(self) -> Any:
        """Publishes what all robots share; its `transforms(stamp)` go to /tf with theirs."""
        raise NotImplementedError

    def make_view(self) -> Any:
        """Shows the robot's episodes in rviz: `begin(number)`, `step(readings, command, reward)`."""
        raise NotImplementedError

    def make_look_on(self, controller: Controller) -> LookOn:
        """Shows what a controller has in mind."""
        return LookOn(self.frame, controller)


class NoScene:
    """Of robots that share nothing but the floor."""

    def transforms(self, stamp: rospy.Time) -> list:
        return []


def topics_class(task: Task) -> type[Topics]:
    """What a task, or one that it was derived from, is on topics; BadInput where it has none."""
    for name in task.lineage():
        if name in TOPICS:
            return load_class(TOPICS[name])
    raise BadInput(f"task '{task.name}' has no topics: over ROS there is {', '.join(TOPICS)}")


def topics_of(task: Task, name: str) -> Topics:
    """The topics of a robot called `name` at a task; BadInput where the task has none."""
    return topics_class(task)(task, name)


class RobotTopics:
    """A world's side of a robot's topics: publishes its sensors, and hands its commands to `on_command(command)`."""

    def __init__(self, topics: Topics, clock: str, on_command) -> None:
        self.topics = topics
        name = topics.name
        self._publishers = {topic: publisher(f"{name}/{topic}", kind, clock) for topic, kind in topics.types.items()}
        self._subscriber = subscribe(f"{name}/{topics.command}", topics.Command, self._take, on_command)

    def _take(self, message, on_command) -> None:
        try:
            command = self.topics.command_of(message)
        except BadInput as error:
            rospy.logerr("%s: %s: it keeps still", self.topics.name, error)
            command = self.topics.stop
        on_command(command)

    def publish(self, readings: Readings, row: int, stamp: rospy.Time, only: set[str] | None = None) -> None:
        """All sensors of a row at one stamp, or only some topics: those that somebody hears."""
        wanted = {t for t, one in self._publishers.items() if one.get_num_connections() and (only is None or t in only)}
        for topic, messages in self.topics.messages(readings, row, stamp, wanted).items():
            for message in messages:
                send(self._publishers[topic], message)

    @property
    def driven(self) -> bool:
        """Whether somebody is there to command it."""
        return self._subscriber.get_num_connections() > 0

    def close(self) -> None:
        """Takes the robot's topics off the graph."""
        for one in self._publishers.values():
            one.unregister()
        self._subscriber.unregister()
