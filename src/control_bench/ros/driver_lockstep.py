"""Drives in lockstep: answers every moment's sensors with one command."""

import time

import rospy

from control_bench.msg import Reward
from control_bench.ros.driver import Driver
from control_bench.ros.parameters import ControllerParameters
from control_bench.ros.responder import Responder
from control_bench.worlds.base import Readings


class LockstepDriver(Driver):
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
                self.learned.save()
            else:
                self.send(action)

    def spin(self) -> None:
        silent = False
        while not rospy.is_shutdown():
            time.sleep(0.5)
            self.check_alone()
            quiet, topic = self.silence.longest()
            if quiet > self.silent_after and not silent:
                rospy.logwarn("no sensors (%s) for %.0f s: waiting for the world", topic, quiet)
            silent = quiet > self.silent_after
