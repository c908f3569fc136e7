"""A robot as STDR's message has it, and back."""

from geometry_msgs.msg import Point, Pose2D
from stdr_msgs.msg import FootprintMsg, KinematicMsg, LaserSensorMsg, RfidSensorMsg, RobotMsg, SonarSensorMsg
from stdr_msgs.msg import Noise as NoiseMsg

from control_bench.worlds.robot import Footprint, Kinematics, Laser, Noise, Pose, RfidReader, Robot, Sonar

NOISE_TERMS = [name for name in Kinematics.__dataclass_fields__ if name.startswith("a_")]


def _pose_message(pose: Pose) -> Pose2D:
    return Pose2D(pose.x, pose.y, pose.theta)


def _pose(message: Pose2D) -> Pose:
    return Pose(message.x, message.y, message.theta)


def robot_message(robot: Robot) -> RobotMsg:
    """A Robot as a RobotMsg."""
    message = RobotMsg(initialPose=_pose_message(robot.initial_pose))
    points = [Point(x, y, 0.0) for x, y in robot.footprint.points]
    message.footprint = FootprintMsg(points=points, radius=robot.footprint.radius)
    for sonar in robot.sonars:
        message.sonarSensors.append(
            SonarSensorMsg(
                maxRange=sonar.max_range,
                minRange=sonar.min_range,
                coneAngle=sonar.cone_angle,
                frequency=sonar.frequency,
                noise=NoiseMsg(False, sonar.noise.mean, sonar.noise.std),
                frame_id=sonar.frame_id,
                pose=_pose_message(sonar.pose),
            )  # fmt: skip
        )
    for laser in robot.lasers:
        message.laserSensors.append(
            LaserSensorMsg(
                maxAngle=laser.max_angle,
                minAngle=laser.min_angle,
                maxRange=laser.max_range,
                minRange=laser.min_range,
                numRays=laser.num_rays,
                noise=NoiseMsg(False, laser.noise.mean, laser.noise.std),
                frequency=laser.frequency,
                frame_id=laser.frame_id,
                pose=_pose_message(laser.pose),
            )  # fmt: skip
        )
    for reader in robot.rfid_readers:
        message.rfidSensors.append(
            RfidSensorMsg(
                maxRange=reader.max_range,
                angleSpan=reader.angle_span,
                signalCutoff=reader.signal_cutoff,
                frequency=reader.frequency,
                frame_id=reader.frame_id,
                pose=_pose_message(reader.pose),
            )  # fmt: skip
        )
    terms = {name: getattr(robot.kinematics, name) for name in NOISE_TERMS}
    message.kinematicModel = KinematicMsg(type=robot.kinematics.model, **terms)
    return message


def robot_of(message: RobotMsg) -> Robot:
    """A RobotMsg as a Robot; nothing in it is checked."""
    kinematics = {name: getattr(message.kinematicModel, name) for name in NOISE_TERMS}
    return Robot(
        initial_pose=_pose(message.initialPose),
        footprint=Footprint(message.footprint.radius, tuple((p.x, p.y) for p in message.footprint.points)),
        sonars=tuple(
            Sonar(m.frame_id, m.coneAngle, m.maxRange, m.minRange, m.frequency, _pose(m.pose), _noise(m.noise))
            for m in message.sonarSensors
        ),
        lasers=tuple(
            Laser(
                m.frame_id,
                m.minAngle,
                m.maxAngle,
                m.numRays,
                m.maxRange,
                m.minRange,
                m.frequency,
                _pose(m.pose),
                _noise(m.noise),
            )  # fmt: skip
            for m in message.laserSensors
        ),
        rfid_readers=tuple(
            RfidReader(m.frame_id, m.angleSpan, m.signalCutoff, m.maxRange, m.frequency, _pose(m.pose))
            for m in message.rfidSensors
        ),
        kinematics=Kinematics(message.kinematicModel.type or "ideal", **kinematics),
    )


def _noise(message: NoiseMsg) -> Noise:
    return Noise(message.noiseMean, message.noiseStd)
