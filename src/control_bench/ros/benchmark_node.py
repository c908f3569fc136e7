"""benchmark_node: starts episodes, judges them by what is on the topics, stores them, and ends when all are done.

It judges our world, the real STDR and a real robot alike: whoever offers the Reset service and the sensors. An
episode in which something failed (the world fell silent, the driver was replaced) is started again from its seed;
none is stored twice, and when this node itself is killed and started again it goes on with the run it was at.
"""

import threading
import time

import numpy as np
import rospy

from control_bench.bench.episode import Episode, Run, episode_seed, summary
from control_bench.bench.store import Store
from control_bench.bench.table import print_table
from control_bench.msg import Episode as EpisodeMessage
from control_bench.ros.connections import ANNOUNCEMENT, QUEUE, RESET
from control_bench.ros.course import Course
from control_bench.ros.node import read_parameters, run_node
from control_bench.ros.parameters import BenchmarkParameters, plan_of
from control_bench.ros.warm_up import warm_up
from control_bench.srv import Reset

PROGRESS_PERIOD = 2.0
"""Seconds of wall time between two lines of progress."""
DRIVERLESS = 10.0
"""Seconds of wall time after which the benchmark says that a robot has no driver."""


class Benchmark:
    """Hands the run's episodes to the robots, until all are done."""

    def __init__(self, parameters: BenchmarkParameters) -> None:
        self._parameters = parameters
        plan = plan_of(parameters)
        if parameters.clock == "realtime":
            warm_up(plan)
        self._wake = threading.Event()
        self._store = Store(parameters.store) if parameters.store else None
        self._courses = [Course(f"robot{i}", plan, parameters.clock, self._wake) for i in range(parameters.robots)]
        self._ended = rospy.Publisher("~episode", EpisodeMessage, queue_size=QUEUE, latch=True)
        self._run = self._take_up(plan.resolved())
        self._done = self._store.numbers(self._run) if self._store else set()
        self._playing: dict[int, int] = {}
        self._episodes: list[Episode] = []
        self._told, self._begun = 0.0, time.monotonic()
        self._missed: list[Course] = []
        self._service = None

    def _take_up(self, settings: dict) -> Run:
        """The run: the one that this node was at before it was killed, or a new one."""
        p = self._parameters
        run = Run(
            p.task,
            p.controller,
            p.seed,
            p.clock,
            p.learn,
            p.label,
            settings["task"],
            settings["controller"],
            id=p.run_id or "",
        )
        if self._store:
            self._store.add_run(run)
            rospy.set_param("~run_id", run.id)
            if p.run_id:
                rospy.loginfo("goes on with run %s: %d episodes are stored", run.id, self._store.count(run))
        return run

    def _reset(self, *arguments):
        try:
            if self._service is None:
                rospy.wait_for_service(RESET, timeout=self._parameters.timeout)
                self._service = rospy.ServiceProxy(RESET, Reset)
            return self._service(*arguments)
        except (rospy.ROSException, rospy.ServiceException) as error:
            self._service = None
            raise ConnectionError(str(error)) from None

    def _next(self) -> int | None:
        """The number of the next episode that is neither stored nor being driven."""
        number = 0
        while number in self._done or number in self._playing.values():
            number += 1
        limit = self._parameters.episodes
        return number if not limit or number < limit else None

    def spin(self) -> None:
        """Until all episodes are done."""
        while not rospy.is_shutdown():
            self._wake.wait(0.25)
            self._wake.clear()
            for index, course in enumerate(self._courses):
                self._tend(index, course)
            self._tell()
            if not self._playing and self._next() is None:
                break
        self._tell(last=True)
        if self._parameters.hold:
            rospy.spin()

    def _tend(self, index: int, course: Course) -> None:
        """Stores what a course has finished, starts what it should drive, and starts again what has failed."""
        finished, fault = course.take()
        if finished is not None and index in self._playing:
            self._keep(finished, course)
            self._done.add(self._playing.pop(index))
        if index in self._playing:
            (silent, topic), reason = course.silence.longest(), None
            if fault:
                reason = f"{course.name} {fault}"
            elif silent > self._parameters.timeout:
                reason = f"no sensors of {course.name} ({topic}) for {silent:.0f} s"
            if reason:
                rospy.logwarn("%s: episode %d starts again", reason, self._playing.pop(index))
        number = self._next()
        if index in self._playing or number is None:
            return
        if course.driver is None:
            self._miss_driver(course)
            return
        try:
            course.begin(number, episode_seed(self._parameters.seed, number), self._reset)
            self._playing[index] = number
        except ConnectionError as error:
            rospy.logwarn_throttle(10.0, f"the world can't be reached ({error}): waiting for {RESET}")
            course.silence.hear()

    def _miss_driver(self, course: Course) -> None:
        if time.monotonic() - self._begun > DRIVERLESS and course not in self._missed:
            self._missed.append(course)
            rospy.logwarn(
                "nobody has announced on %s/%s that it drives: start a controller_node in the namespace %s",
                course.name, ANNOUNCEMENT, course.name,
            )  # fmt: skip

    def _keep(self, episode: Episode, course: Course) -> None:
        if self._store:
            self._store.add_episode(self._run, episode)
        self._episodes.append(episode)
        message = EpisodeMessage(
            run=self._run.id, task=self._run.task, controller=self._run.controller, episode=episode.index,
            seed=episode.seed, outcome=episode.outcome, reward=episode.reward, steps=episode.steps,
            seconds=episode.seconds,
        )  # fmt: skip
        message.header.stamp = course.stamp
        self._ended.publish(message)

    def _tell(self, last: bool = False) -> None:
        if not last and time.monotonic() - self._told < PROGRESS_PERIOD or not self._episodes:
            return
        self._told = time.monotonic()
        rewards = [episode.reward for episode in self._episodes]
        of = f" of {self._parameters.episodes}" if self._parameters.episodes else ""
        print(
            f"{self._run.controller}: {len(self._done)}{of} episodes, mean reward {np.mean(rewards):.1f}, "
            f"last {rewards[-1]:.0f}",
            flush=True,
        )
        if last:
            print_table([summary(self._run, self._episodes)])


def _main() -> None:
    Benchmark(read_parameters(BenchmarkParameters)).spin()


def main() -> None:
    """The executable."""
    run_node("benchmark_node", _main)
