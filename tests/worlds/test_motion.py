"""Motion and collision: what STDR was measured to do, see docs/stdr.md."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.errors import BadInput
from control_bench.worlds.grid_map import GridMap
from control_bench.worlds.kernels import TICK, integrate
from control_bench.worlds.robot import Footprint, Kinematics, Robot
from control_bench.worlds.sonar_track import SonarTrack

CELL = float(np.float32(0.02))
WALL = 250
"""The column of the wall in `walled`."""
SQUARE = Footprint(points=((0.2, 0.2), (-0.2, 0.2), (-0.2, -0.2), (0.2, -0.2)))
DISC = Footprint(radius=0.2)
speeds, turns = st.floats(-2.0, 2.0), st.floats(-3.0, 3.0).filter(lambda w: abs(w) > 1e-3)
places = st.tuples(st.floats(-10.0, 10.0), st.floats(-10.0, 10.0), st.floats(-7.0, 7.0))


def moved(pose, velocity, omni=False, duration=TICK):
    return np.array(integrate(*pose, np.array(velocity, dtype=float), omni, duration))


def walled(footprint=DISC, kinematics=None, rows=1, thickness=1):
    """A world of 200 by 300 free cells with a wall across, from column WALL on."""
    cells = np.zeros((200, 300), np.int8)
    cells[:, WALL : WALL + thickness] = 100
    return SonarTrack(GridMap(cells, CELL), Robot(footprint=footprint, kinematics=kinematics or Kinematics()), rows, 1)


def drive(world, velocity, ticks):
    """Every row for some ticks at one velocity."""
    for _ in range(ticks):
        world.step(np.tile(np.array(velocity, dtype=float), (world.rows, 1)))


# How a robot moves where nothing is in its way.


@settings(deadline=None)
@given(pose=places, v=speeds, w=turns)
def test_ideal_goes_round_the_centre_of_its_circle(pose, v, w):
    x, y, theta = pose
    centre = complex(x, y) + v / w * complex(-math.sin(theta), math.cos(theta))
    there = centre + (complex(x, y) - centre) * complex(math.cos(w * TICK), math.sin(w * TICK))
    np.testing.assert_allclose(moved(pose, (v, 0.0, w)), [there.real, there.imag, theta + w * TICK], atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(pose=places, v=speeds, w=turns)
def test_ideal_is_the_limit_of_ever_finer_euler_steps(pose, v, w):
    steps = 20_000
    headings = pose[2] + w * TICK / steps * np.arange(steps)
    x = pose[0] + v * TICK / steps * np.cos(headings).sum()
    y = pose[1] + v * TICK / steps * np.sin(headings).sum()
    np.testing.assert_allclose(moved(pose, (v, 0.0, w))[:2], [x, y], atol=1e-5)


@settings(deadline=None)
@given(pose=places, v=speeds)
def test_ideal_without_turning_goes_straight(pose, v):
    x, y, theta = pose
    there = [x + v * TICK * math.cos(theta), y + v * TICK * math.sin(theta), theta]
    np.testing.assert_allclose(moved(pose, (v, 0.0, 0.0)), there, atol=1e-12)


@pytest.mark.parametrize("w", [1e-6, 1e-10, 1e-14, 1e-17])
def test_ideal_with_hardly_any_turning_goes_nearly_straight(w):
    pose = (1.0, 2.0, 0.5)
    np.testing.assert_allclose(moved(pose, (1.0, 0.0, w)), moved(pose, (1.0, 0.0, 0.0)), atol=1e-6)


@settings(deadline=None)
@given(pose=places, v=speeds, sideways=speeds, w=st.one_of(st.just(0.0), turns))
def test_ideal_ignores_the_sideways_speed(pose, v, sideways, w):
    assert moved(pose, (v, sideways, w)).tolist() == moved(pose, (v, 0.0, w)).tolist()


@settings(deadline=None)
@given(pose=places, v=speeds, sideways=speeds, w=turns)
def test_omni_takes_an_euler_step_with_the_heading_it_had(pose, v, sideways, w):
    step = complex(v, sideways) * complex(math.cos(pose[2]), math.sin(pose[2])) * TICK
    there = [pose[0] + step.real, pose[1] + step.imag, pose[2] + w * TICK]
    np.testing.assert_allclose(moved(pose, (v, sideways, w), omni=True), there, atol=1e-12)


def test_the_robots_model_chooses_how_it_moves_and_an_unknown_one_is_ideal():
    poses = {}
    for model in ("ideal", "omni", "skid"):
        world = walled(kinematics=Kinematics(model))
        world.pose[0] = 2.0, 2.0, 0.0
        drive(world, (0.5, 0.3, 0.5), 2)
        poses[model] = world.pose[0].tolist()
    first = moved((2.0, 2.0, 0.0), (0.5, 0.3, 0.5), omni=True)
    assert poses["omni"] == moved(first, (0.5, 0.3, 0.5), omni=True).tolist()
    first = moved((2.0, 2.0, 0.0), (0.5, 0.3, 0.5))
    assert poses["ideal"] == poses["skid"] == moved(first, (0.5, 0.3, 0.5)).tolist()


def test_a_command_acts_at_once_and_for_ever():
    world = walled()
    world.pose[0] = 1.0, 2.0, 0.0
    world.steer(0, np.array([1.0, 0.0, 0.0]))
    world.advance()
    assert world.pose[0, 0] == pytest.approx(1.1)
    world.advance(ticks=9)
    assert world.pose[0, 0] == pytest.approx(2.0)


# Collision.


def stop_distances(v, rows=200):
    """From the robots' centres to the wall, m, after they drove straight at it from all kinds of distances."""
    world = walled(rows=rows)
    world.pose[:] = np.stack([np.linspace(3.0, 4.0, rows), np.full(rows, 2.0), np.zeros(rows)], axis=1)
    drive(world, (v, 0.0, 0.0), int(2.5 / v / TICK))
    return WALL * CELL - world.pose[:, 0]


@pytest.mark.parametrize("v", [0.1, 0.3, 0.5, 1.0])
def test_a_wall_stops_a_disc_where_stdr_was_measured_to(v):
    # 0.25 to 0.27 m from the first occupied cell, give or take half a cell (from its edge or its middle), and at most
    # one tick farther away; measured at 1.0 m/s: 0.27 to 0.32.
    distances = stop_distances(v)
    assert distances.min() > 0.25 - 0.5 * CELL - 1e-6
    assert distances.max() < 0.27 + 0.5 * CELL + v * TICK


def test_a_wall_rolls_back_position_and_heading():
    world = walled()
    world.pose[0] = 4.0, 2.0, 0.0
    before = None
    for _ in range(30):
        before = world.pose[0].copy()
        drive(world, (0.5, 0.0, 0.1), 1)
        if world.pose[0].tolist() == before.tolist():
            break
    assert 4.5 < before[0] < WALL * CELL - 0.2 and before[2] > 0.05
    drive(world, (0.5, 0.0, 0.6), 50)  # each tick tries again and fails: it does not turn its way out
    assert world.pose[0].tolist() == before.tolist()
    assert world.velocity[0].tolist() == [0.5, 0.0, 0.6]


@pytest.mark.parametrize("v", [3.0, 10.0, 30.0])
@pytest.mark.parametrize("footprint", [DISC, SQUARE], ids=["disc", "square"])
def test_no_speed_tunnels_through_a_wall_of_one_cell(v, footprint):
    world = walled(footprint, rows=50)
    world.pose[:] = np.stack([np.linspace(1.0, 4.5, 50), np.full(50, 2.0), np.linspace(-0.5, 0.5, 50)], axis=1)
    start = world.pose.copy()
    drive(world, (v, 0.0, 0.0), 20)
    assert world.pose[:, 0].max() < WALL * CELL - 0.2
    assert v > 3.0 or np.all(world.pose[:, 0] > start[:, 0] - 1e-9) and np.any(world.pose[:, 0] > start[:, 0] + 1.0)


@pytest.mark.parametrize("w", [1.2, -1.2])
def test_after_a_wall_stop_a_disc_can_turn_either_way_and_reverse(w):
    world = walled(rows=40)
    headings = np.linspace(-1.2, 1.2, 40)
    world.pose[:] = np.stack([np.full(40, 4.2), np.full(40, 2.0), headings], axis=1)
    drive(world, (1.0, 0.0, 0.0), 30)
    stopped = world.pose.copy()
    drive(world, (1.0, 0.0, 0.0), 1)
    assert world.pose.tolist() == stopped.tolist()
    drive(world, (0.0, 0.0, w), 10)
    np.testing.assert_allclose(world.pose[:, 2], headings + w, atol=1e-9)
    drive(world, (0.0, 0.0, -w), 10)
    drive(world, (-0.3, 0.0, 0.0), 10)
    np.testing.assert_allclose(np.hypot(*(world.pose - stopped)[:, :2].T), 0.3, atol=1e-9)


def test_a_square_stops_at_a_wall_by_its_heading():
    # Ahead of the centre it reaches half its side when it faces the wall, half its diagonal when a corner does.
    for heading, extent in ((0.0, 0.2), (math.pi / 4, 0.2 * math.sqrt(2.0))):
        world = walled(SQUARE, Kinematics("omni"))
        world.pose[0] = 4.0, 2.0, heading
        drive(world, (0.2 * math.cos(heading), -0.2 * math.sin(heading), 0.0), 80)
        assert world.pose[0, 2] == heading and world.pose[0, 1] == pytest.approx(2.0)
        assert extent + CELL - 1e-9 < WALL * CELL - world.pose[0, 0] < extent + 4.0 * CELL


def test_a_square_cannot_turn_its_corner_into_a_wall():
    world = walled(SQUARE)
    world.pose[0] = WALL * CELL - 0.26, 2.0, 0.0
    drive(world, (0.0, 0.0, 1.0), 20)
    assert 0.0 <= world.pose[0, 2] < 0.4
    world = walled(SQUARE)
    world.pose[0] = WALL * CELL - 0.5, 2.0, 0.0
    drive(world, (0.0, 0.0, 1.0), 20)
    assert world.pose[0, 2] == pytest.approx(2.0)


@pytest.mark.parametrize("footprint", [DISC, SQUARE], ids=["disc", "square"])
@pytest.mark.parametrize("heading", [0.0, 0.5, 1.0, 1.5])
def test_the_edge_of_the_map_stops_a_robot_on_every_side(footprint, heading):
    world = SonarTrack(GridMap(np.zeros((200, 300), np.int8), CELL), Robot(footprint=footprint), 1, 1)
    world.pose[0] = 3.0, 2.0, heading * math.pi
    drive(world, (0.5, 0.0, 0.0), 200)
    x, y = world.pose[0, :2]
    gap = [6.0 - x, 4.0 - y, x, y][int(2 * heading)]
    assert 0.2 + CELL - 1e-6 < gap < 0.27 + 0.5 * TICK


def test_unknown_cells_are_free_to_drive_on():
    world = SonarTrack(GridMap(np.full((100, 200), -1, np.int8), CELL), Robot(footprint=DISC), 1, 1)
    world.pose[0] = 1.0, 1.0, 0.0
    drive(world, (1.0, 0.0, 0.0), 10)
    assert world.pose[0, 0] == pytest.approx(2.0)


# Noise of motion.


def test_motion_noise_has_the_deviations_that_stdr_was_measured_to_have():
    # They predict std_uy = sqrt(.1 .25 + .0984 .09) = .184; and of w, by two draws, sqrt(.0051 + .004025) = .095.
    noise = dict(a_uy_ux=0.1, a_uy_uy=0.0984, a_w_ux=0.01, a_w_w=0.0104, a_g_uy=0.02, a_g_w=0.0089)
    world = walled(kinematics=Kinematics("omni", **noise))
    command, drawn = np.array([0.5, 0.3, 0.5]), np.empty((6000, 3))
    for velocity in drawn:
        world.steer(0, command)
        velocity[:] = world.velocity[0]
    assert drawn[:, 0].tolist() == [0.5] * 6000  # nothing asked for here
    np.testing.assert_allclose(drawn.mean(axis=0), command, atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0)[1:], [0.184, 0.095], rtol=0.04)
    assert abs(np.corrcoef(drawn[:, 1:].T)[0, 1]) < 0.06
    assert abs(np.mean(((drawn[:, 1] - 0.3) / 0.184) ** 4) - 2.9) < 0.3  # of twelve uniform draws: 3 - 1.2 / 12


def test_motion_noise_is_drawn_once_a_command_and_applies_to_ideal_too():
    world = walled(kinematics=Kinematics("ideal", a_ux_ux=0.01))
    world.ticks = 4
    world.pose[0] = 1.0, 2.0, 0.0
    drive(world, (0.5, 0.0, 0.0), 1)
    drawn = world.velocity[0, 0]
    assert drawn != 0.5 and world.pose[0, 0] == pytest.approx(1.0 + 4 * TICK * drawn)
    drive(world, (0.5, 0.0, 0.0), 1)
    assert world.velocity[0, 0] not in (0.5, drawn)


def test_a_robot_told_to_stand_stands_whatever_its_noise():
    every = {f"a_{a}_{b}": 1.0 for a in ("ux", "uy", "w", "g") for b in ("ux", "uy", "w")}
    world = walled(kinematics=Kinematics("omni", **every))
    world.pose[0] = 1.0, 2.0, 0.3
    drive(world, (0.0, 0.0, 0.0), 20)
    assert world.pose[0].tolist() == [1.0, 2.0, 0.3] and not world.velocity.any()


# What is refused.


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_command_that_is_not_finite_is_refused(number, place):
    world = walled()
    world.pose[0] = 1.0, 2.0, 0.0
    command = np.zeros((1, 3))
    command[0, place] = number
    with pytest.raises(BadInput, match=r"command .* is not finite"):
        world.step(command)
    assert world.pose[0].tolist() == [1.0, 2.0, 0.0] and np.all(np.isfinite(world.velocity))


REFUSED_PLACES = [
    ((WALL * CELL - 0.15, 2.0, 0.0), "in a wall"),
    (((WALL + 0.5) * CELL, 2.0, 0.0), "in a wall"),
    ((0.1, 2.0, 0.0), "over the map's edge"),
    ((-0.05, 2.0, 0.0), "off the map"),
    ((3.0, 4.001, 0.0), "off the map"),
    ((1e300, 2.0, 0.0), "off the map"),
    ((3.0, 1.0, 0.0), "unknown"),
    ((math.nan, 2.0, 0.0), "not finite"),
    ((3.0, math.inf, 0.0), "not finite"),
    ((3.0, 2.0, math.nan), "not finite"),
]


@pytest.mark.parametrize("footprint", [DISC, SQUARE], ids=["disc", "square"])
@pytest.mark.parametrize(("pose", "why"), REFUSED_PLACES)
def test_a_robot_is_not_placed_where_it_cannot_stand(footprint, pose, why):
    world = walled(footprint, thickness=15)
    world.grid.cells[50, 150] = -1  # one cell with 3.0, 1.0 in it
    world.pose[0] = 1.0, 2.0, 0.3
    with pytest.raises(BadInput, match=why):
        world.reset(np.array([0]), np.array([pose]), [np.random.default_rng(0)])
    assert world.pose[0].tolist() == [1.0, 2.0, 0.3]


def test_a_robot_may_be_placed_closer_to_a_wall_than_it_can_drive():
    world = walled()
    near = [WALL * CELL - 0.205, 2.0, 0.0]
    world.reset(np.array([0]), np.array([near]), [np.random.default_rng(0)])
    assert world.pose[0].tolist() == near


def test_a_placed_robot_stands_still():
    world = walled()
    world.pose[0] = 1.0, 2.0, 0.0
    drive(world, (1.0, 0.0, 0.0), 3)
    world.reset(np.array([0]), np.array([[2.0, 2.0, 0.0]]), [np.random.default_rng(0)])
    world.advance(ticks=5)
    assert world.pose[0].tolist() == [2.0, 2.0, 0.0]
