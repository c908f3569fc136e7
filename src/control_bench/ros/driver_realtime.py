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
        self._sensed = -1  # the last moment's stamp, ns
        controller = self.actor.controller
        warm_up(self.plan, controller)
        controller.deadline = self.task.step_duration
        self._look_on = self._topics.make_look_on(controller)
        self.start()
        if not self._topics.answers:
            self._timer = rospy.Timer(rospy.Duration(self.task.step_duration), self._tick)

    def moment(self, readings: Readings, stamp: int) -> None:
        again, self._sensed = stamp == self._sensed, stamp
        self._readings = readings
        if self._topics.answers:
            self._act(again)

    def judge(self, message: Reward) -> None:
        with self.lock:
            stamp = message.header.stamp.to_nsec()
            self._ticker.judge(stamp, message)
            if self._topics.answers and message.step == 0 and stamp == self._sensed:
                self._act(again=True)  # the world waits for this answer with the next moment

    def _tick(self, event) -> None:
        self._act(again=False)

    def _act(self, again: bool) -> None:
        with self.lock:
            if self._readings is None or self._stop_when_silent():
                return
            action, ended = self._ticker.tick(self._readings, again)
            if action is not None:
                self.send(action)
            if ended:
                self.learned.save()
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
