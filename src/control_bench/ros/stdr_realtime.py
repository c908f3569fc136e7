"""The world in real time, a drop-in for STDR: its topics, types, frames, rates, latching and services.

Motion is integrated with the time that really passed, ten times a second; the newest command holds. Where `stdr_msgs`
is installed, STDR's own services and actions are there too (stdr_services.py).
"""

import threading

import numpy as np
import rospy

from control_bench.env import episode_rngs
from control_bench.ros.drivebot_topics import DrivebotTopics
from control_bench.ros.frames import Frames
from control_bench.ros.map_topics import MapTopics
from control_bench.ros.parameters import WorldParameters
from control_bench.ros.resets import offer_resets
from control_bench.ros.topics import RobotTopics
from control_bench.tasks.drivebot import Drivebot
from control_bench.worlds.kernels import TICK
from control_bench.worlds.robot import Robot
from control_bench.worlds.sonar_track import SonarTrack


class LiveRobot:
    """One robot: a world of one row, its topics, and a timer for every rate that its sensors have."""

    def __init__(self, topics: DrivebotTopics, world: SonarTrack, frames: Frames, parameters: WorldParameters) -> None:
        self.name = name = topics.name
        self.robot = robot = world.robot
        self._world = world
        self._frames, self._timeout = frames, parameters.command_timeout
        self._lock = threading.RLock()
        rng = np.random.default_rng([parameters.seed, int(name.removeprefix("robot"))])
        self._world.reset(np.array([0]), np.array([[*vars(robot.initial_pose).values()]]), [rng])
        self._commanded = self._moved = rospy.Time.now()
        self._stopped = True
        self._topics = RobotTopics(topics, parameters.clock, self._command)
        sensors = [*robot.sonars, *robot.lasers]
        rates = {rate: {s.frame_id for s in sensors if s.frequency == rate} for rate in {s.frequency for s in sensors}}
        self._timers = [rospy.Timer(rospy.Duration(TICK), self._tick)]
        self._timers += [
            rospy.Timer(rospy.Duration(1.0 / rate), lambda event, t=topics: self._sense(t))
            for rate, topics in rates.items()
        ]

    def why_not(self, pose: np.ndarray) -> str | None:
        return self._world.why_not(pose)

    def replace(self, pose: np.ndarray) -> None:
        """Puts the robot elsewhere; it goes on moving from there, as in STDR."""
        with self._lock:
            self._world.pose[0] = pose

    def reset(self, pose: np.ndarray, seed: int) -> rospy.Time:
        """Puts the robot at an episode's start, standing still; returns the stamp from which its sensors count."""
        with self._lock:
            self._world.reset(np.array([0]), pose[None], [episode_rngs(seed)[1]])
            self._stopped = True
            return rospy.Time.now()

    def _command(self, velocity: np.ndarray) -> None:
        with self._lock:
            self._world.steer(0, velocity)
            self._commanded, self._stopped = rospy.Time.now(), False

    def _tick(self, event) -> None:
        now = rospy.Time.now()
        with self._lock:
            duration, self._moved = (now - self._moved).to_sec(), now
            silent = (now - self._commanded).to_sec()
            if self._timeout and silent > self._timeout and not self._stopped:
                rospy.logwarn("%s had no command for %.1f s (command_timeout): it stops", self.name, silent)
                self._world.steer(0, np.zeros(3))
                self._stopped = True
            self._world.advance(duration=duration)
            readings = self._world.read()
            self._topics.publish(readings, 0, now, {self._topics.topics.pace})
            self._frames.publish(self._topics.topics.transforms(readings, 0, now))

    def _sense(self, topics: set[str]) -> None:
        with self._lock:
            self._topics.publish(self._world.read(), 0, rospy.Time.now(), topics)

    def close(self) -> None:
        """Takes the robot out of the world."""
        for timer in self._timers:
            timer.shutdown()
        self._topics.close()


class StdrRealtime:
    """The map, its robots, and our reset service."""

    def __init__(self, task: Drivebot, parameters: WorldParameters) -> None:
        self.grid, self._task, self._parameters = task.grid, task, parameters
        self._map, self._frames = MapTopics(task.grid), Frames(parameters.clock)
        self.robots: dict[str, LiveRobot] = {}
        self._spawned = 0  # STDR's counter: a name is never used again
        for _ in range(parameters.robots):
            self.spawn(task.robot)
        self._timer = rospy.Timer(
            rospy.Duration(TICK), lambda event: self._frames.publish(self._map.transforms(rospy.Time.now()))
        )
        self._service = offer_resets(
            lambda: {name: robot.why_not for name, robot in self.robots.items()},
            lambda name, start, seed: self.robots[name].reset(start, seed),
        )

    def spawn(self, robot: Robot) -> str:
        """Adds a robot; returns its name."""
        name = f"robot{self._spawned}"
        world = SonarTrack(self.grid, robot, sensor_noise=self._task.settings.sensor_noise)
        self.robots[name] = LiveRobot(DrivebotTopics(self._task, name, robot), world, self._frames, self._parameters)
        self._spawned += 1
        return name


def main(task: Drivebot, parameters: WorldParameters) -> None:
    world = StdrRealtime(task, parameters)
    try:
        import stdr_msgs.msg  # noqa: F401
    except ImportError:
        rospy.logdebug("stdr_msgs is not installed: STDR's own services are left out")
    else:
        from control_bench.ros.stdr_services import StdrServices

        StdrServices(world)
    rospy.spin()
