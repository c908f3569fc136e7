"""What a robot of the 2-D world is made of: the tree of an STDR robot file, with STDR's defaults.

Lengths are in metres, angles in radians, frequencies in hertz, all in the robot's own frame (x forward, y left,
REP-103).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pose:
    """A place in the plane: x, y in metres, theta in radians, anticlockwise from x."""

    x: float = 0.0
    y: float = 0.0
    theta: float = 0.0


@dataclass(frozen=True)
class Noise:
    """Gaussian noise of a range sensor. STDR reads it and never applies it; `sensor_noise: true` does."""

    mean: float = 0.0
    std: float = 0.0


@dataclass(frozen=True)
class Footprint:
    """The outline that must not touch a wall: a circle, or a polygon where there are points."""

    radius: float = 0.3
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Sonar:
    """A cone that reads the nearest thing in it."""

    frame_id: str = "sonar_0"
    cone_angle: float = 1.0
    max_range: float = 4.0
    min_range: float = 0.0
    frequency: float = 10.0
    pose: Pose = Pose()
    noise: Noise = Noise()


@dataclass(frozen=True)
class Laser:
    """A fan of rays, each read on its own."""

    frame_id: str = "laser_0"
    min_angle: float = -1.57
    max_angle: float = 1.57
    num_rays: int = 180
    max_range: float = 4.0
    min_range: float = 0.0
    frequency: float = 10.0
    pose: Pose = Pose()
    noise: Noise = Noise()


@dataclass(frozen=True)
class RfidReader:
    """Read and kept for STDR's sake; a map without tags gives it nothing to read."""

    frame_id: str = "rfid_reader_0"
    angle_span: float = 360.0
    signal_cutoff: float = 0.0
    max_range: float = 4.0
    frequency: float = 10.0
    pose: Pose = Pose()


@dataclass(frozen=True)
class Kinematics:
    """How a Twist moves the robot: `ideal` (differential) or `omni`.

    Motion noise is drawn once for each Twist: the deviation of component C in (ux, uy, w) is
    sqrt(a_C_ux ux² + a_C_uy uy² + a_C_w w²), and a second draw with a_g_* is added to w.
    """

    model: str = "ideal"
    a_ux_ux: float = 0.0
    a_ux_uy: float = 0.0
    a_ux_w: float = 0.0
    a_uy_ux: float = 0.0
    a_uy_uy: float = 0.0
    a_uy_w: float = 0.0
    a_w_ux: float = 0.0
    a_w_uy: float = 0.0
    a_w_w: float = 0.0
    a_g_ux: float = 0.0
    a_g_uy: float = 0.0
    a_g_w: float = 0.0


@dataclass(frozen=True)
class Robot:
    """One robot file, read."""

    initial_pose: Pose = Pose()
    footprint: Footprint = Footprint()
    sonars: tuple[Sonar, ...] = ()
    lasers: tuple[Laser, ...] = ()
    rfid_readers: tuple[RfidReader, ...] = ()
    kinematics: Kinematics = field(default_factory=Kinematics)
