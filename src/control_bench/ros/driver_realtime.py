"""Drives in real time: takes the newest sensors, once a step, with or without anybody judging."""

import time

import rospy

from control_bench.msg import Reward
from control_bench.ros.driver import Driver
from control_bench.ros.parameters import ControllerParameters
from control_bench.ros.ticker import Ticker
from control_bench.ros.warm_up import warm_up
from control_bench.worlds.base import Readings


class RealtimeDriver(Driver):
    """Acts once a step on the newest sensors; judgements, where there are any, tell of episodes and rewards."""

    def __init__(self, parameters: ControllerParameters) -> None:
        super().__init__(parameters)
        self._readings: dict | None = None
        self._ticker = Ticker(self.actor, self.observe)
        self._silent = False
        # Stamps, ns: of the last moment; of that with which an episode begins, once it is heard of, and once the ticker
        # has been told too, which may have to wait until the controller has thought.
        self._sensed = self._begun = self._taken = -1
        controller = self.actor.controller
        warm_up(self.plan, controller)
        controller.deadline = self.task.step_duration
        self._look_on = self._topics.make_look_on(controller)
        self.start()
        if not self._topics.answers:
            self._timer = rospy.Timer(rospy.Duration(self.task.step_duration), self._tick)

    def moment(self, readings: Readings, stamp: int) -> None:
        self._readings, self._sensed = readings, stamp
        if self._topics.answers:
            self._step()
            self.silence.hear()  # those that came while the controller thought are yet to be heard

    def judge(self, message: Reward) -> None:
        stamp = message.header.stamp.to_nsec()
        if message.step == 0:
            self._begun = stamp  # at once: what is being thought out under the lock is no answer to this
        with self.lock:
            self._ticker.judge(stamp, message)
            self._taken = stamp if message.step == 0 else self._taken
            awaited = self.actor.learning or (message.step == 0 and stamp == self._sensed)
            if self._topics.answers and awaited:
                self._step()

    def _step(self) -> None:
        """Of a world whose every moment is a step; under the lock."""
        if not self._stop_when_silent():
            action, ended = self._ticker.step(self._readings, self._sensed)
            self._act(action if self._in_time(self._ticker.acted) else None, ended)

    def _tick(self, event) -> None:
        """By a clock of one's own."""
        with self.lock:
            if not self._stop_when_silent():
                action, ended = self._ticker.tick(self._readings)
                if ended and action is None:
                    self.stop()
                self._act(action, ended)

    def _act(self, action, ended: bool) -> None:
        if action is not None:
            self.send(action)
        if ended:
            self.learned.save()
        if action is not None or ended:
            self._look_on.step()

    def _in_time(self, stamp: int) -> bool:
        """Whether what answers that moment is no answer to an episode before the one that is known to have begun."""
        return stamp > self._begun or stamp == self._begun == self._taken

    def _stop_when_silent(self) -> bool:
        """Whether there are no sensors to act on, yet or any more, in which case the robot is stopped, once."""
        if self._readings is None:
            return True
        quiet, topic = self.silence.longest()
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
                self._stop_when_silent()
            if time.monotonic() - checked > 0.5:
                checked = time.monotonic()
                self.check_alone()
