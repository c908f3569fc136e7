"""Rays: the compiled readings are those of STDR's rule, restated here sample by sample in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from control_bench.worlds.grid_map import GridMap
from control_bench.worlds.robot import Laser, Pose, Robot, Sonar
from control_bench.worlds.sonar_track import SonarTrack

STEP = 3.14159 / 180.0
FEW = settings(deadline=None, max_examples=60)


def sensor_place(grid, mount, pose):
    """Where a sensor is, in cells."""
    x, y, theta = pose
    cos, sin = math.cos(theta), math.sin(theta)
    across, up = x + mount.x * cos - mount.y * sin, y + mount.x * sin + mount.y * cos
    return across / grid.resolution, up / grid.resolution


def naive_ray(grid, cells, place, angle, max_range):
    """Cells to the first hit, or None, by STDR's walk: samples 1, 2, 3, ... cells out, cut off towards zero."""
    d = 1
    while d <= max_range / grid.resolution:
        column, row = math.trunc(place[0] + d * math.cos(angle)), math.trunc(place[1] + d * math.sin(angle))
        if 0 <= column < grid.width and 0 <= row < grid.height and cells[row][column] > 70:
            return d
        d += 1
    return None


def naive_sonar(grid, cells, sonar, pose):
    place, axis = sensor_place(grid, sonar.pose, pose), pose[2] + sonar.pose.theta
    offsets = [-sonar.cone_angle / 2.0 + STEP * i for i in range(math.ceil(sonar.cone_angle / STEP))]
    hits = [naive_ray(grid, cells, place, axis + offset, sonar.max_range) for offset in offsets]
    nearest = min((hit * grid.resolution for hit in hits if hit is not None), default=math.inf)
    return math.inf if nearest >= sonar.max_range else -math.inf if nearest < sonar.min_range else nearest


def naive_laser(grid, cells, laser, pose):
    place = sensor_place(grid, laser.pose, pose)
    step = (laser.max_angle - laser.min_angle) / (laser.num_rays - 1) if laser.num_rays > 1 else 0.0
    ranges = []
    for i in range(laser.num_rays):
        angle = pose[2] + laser.pose.theta + (laser.min_angle + step * i)
        hit = naive_ray(grid, cells, place, angle, laser.max_range)
        distance = math.inf if hit is None else hit * grid.resolution
        too_near = distance < laser.min_range
        ranges.append(math.inf if distance > laser.max_range else -math.inf if too_near else distance)
    return ranges


def assert_readings_are_stdrs(grid, robot, poses):
    world = SonarTrack(grid, robot, rows=len(poses))
    world.pose[:] = poses
    readings, cells = world.read(), grid.cells.tolist()
    poses = [tuple(map(float, pose)) for pose in poses]
    sonars = [[naive_sonar(grid, cells, sonar, pose) for sonar in robot.sonars] for pose in poses]
    np.testing.assert_array_equal(readings["sonar"], np.array(sonars, np.float32).reshape(readings["sonar"].shape))
    for laser in robot.lasers:
        fans = [naive_laser(grid, cells, laser, pose) for pose in poses]
        np.testing.assert_array_equal(readings[laser.frame_id], np.array(fans, np.float32))


def poses_on(grid, number, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform((0.0, 0.0, -7.0), (*grid.size, 7.0), size=(number, 3))


def test_drivebots_sonars_read_by_stdrs_rule_all_over_the_track(track, drivebot):
    assert_readings_are_stdrs(track, drivebot, poses_on(track, 150, seed=1))


def test_a_laser_reads_by_stdrs_rule_all_over_the_track(track):
    laser = Laser(num_rays=40, min_angle=-2.0, max_angle=2.5, max_range=4.0, min_range=0.3, pose=Pose(0.1, -0.05, 0.3))
    assert_readings_are_stdrs(track, Robot(lasers=(laser,)), poses_on(track, 100, seed=2))


@st.composite
def maps(draw):
    """Small maps, mostly free; 70 is the highest value that is not a wall. Round resolutions put samples on edges."""
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    values = st.sampled_from([100, 100, 71, 70, 0, -1])
    cells = draw(arrays.arrays(np.int8, shape, elements=values, fill=st.sampled_from([0, -1])))
    return GridMap(cells, draw(st.sampled_from([float(np.float32(0.02)), 0.05, 0.5, 1.0])))


@st.composite
def placed(draw, poses=8):
    """A map and poses on it, beside it and over its edges, some at exact fractions of cells and turns."""
    grid = draw(maps())
    turns = st.one_of(st.floats(-10.0, 10.0), st.integers(-8, 8).map(lambda n: n * math.pi / 4))

    def places(cells):
        return st.one_of(st.floats(-3.0, cells + 3.0), st.integers(-6, 2 * cells + 6).map(lambda n: n / 2))

    place = st.tuples(places(grid.width), places(grid.height), turns)
    listed = draw(st.lists(place, min_size=1, max_size=poses))
    return grid, np.array(listed) * (grid.resolution, grid.resolution, 1.0)


def mounts(grid):
    offset = st.sampled_from([0.0, 0.0, 0.7, -2.0, 3.3]).map(lambda cells: cells * grid.resolution)
    return st.builds(Pose, offset, offset, st.sampled_from([0.0, 1.570795, -2.0]))


@FEW
@given(data=st.data(), where=placed(), cone=st.one_of(st.floats(0.005, 3.0), st.floats(3.2, 6.283)))
def test_any_sonar_reads_by_stdrs_rule_on_any_map(data, where, cone):
    grid, poses = where
    reach = data.draw(st.sampled_from([0.5, 1.0, 3.0, 7.4, 25.0, 60.0])) * grid.resolution
    least = data.draw(st.sampled_from([0.0, 0.3, 0.9])) * reach
    sonar = Sonar(cone_angle=cone, max_range=reach, min_range=least, pose=data.draw(mounts(grid)))
    assert_readings_are_stdrs(grid, Robot(sonars=(sonar,)), poses)


@FEW
@given(data=st.data(), where=placed(), rays=st.integers(1, 30), low=st.floats(-3.2, 3.2), span=st.floats(0.0, 6.3))
def test_any_laser_reads_by_stdrs_rule_on_any_map(data, where, rays, low, span):
    grid, poses = where
    reach = data.draw(st.sampled_from([0.5, 1.0, 3.0, 7.4, 25.0, 60.0])) * grid.resolution
    least = data.draw(st.sampled_from([0.0, 0.3, 0.9])) * reach
    mount = data.draw(mounts(grid))
    laser = Laser("fan", low, low + span, rays, reach, least, pose=mount)
    assert_readings_are_stdrs(grid, Robot(lasers=(laser,)), poses)


def test_a_ray_along_the_edge_of_cells_falls_to_the_side_that_exact_cosines_say():
    # The cone's last ray runs up x = 3, a wall on its left; the others lean away to the right. The last bit decides.
    cells = np.zeros((12, 12), np.int8)
    cells[5:9, 2] = 100
    grid, hits = GridMap(cells, 1.0), 0
    for rays in range(2, 80):
        sonar = Sonar(cone_angle=(rays - 0.5) * STEP, max_range=11.0)
        last = -sonar.cone_angle / 2 + STEP * (rays - 1)
        poses = [(3.0, 0.5, up * math.pi - last) for up in (0.5, -3.5)]  # rounded to either side of straight up
        assert_readings_are_stdrs(grid, Robot(sonars=(sonar,)), np.array(poses))
        hits += sum(naive_sonar(grid, cells.tolist(), sonar, pose) < math.inf for pose in poses)
    assert 50 < hits < 106


@pytest.mark.parametrize("cone", [2.0 * math.pi, 3.0 * math.pi, 4.0 * math.pi])
def test_a_cone_of_a_full_turn_and_more_still_sees_all_around(cone):
    cells = np.zeros((41, 41), np.int8)
    cells[10, 12] = 100
    grid = GridMap(cells, 1.0)
    poses = np.array([[x + 0.5, y + 0.5, 0.3] for x in range(5, 40, 7) for y in range(5, 40, 7)])
    assert_readings_are_stdrs(grid, Robot(sonars=(Sonar(cone_angle=cone, max_range=30.0),)), poses)


def test_a_sensor_just_over_the_left_edge_sees_the_cells_its_samples_are_cut_off_to():
    # From x = -0.2 cells, slightly leftwards and up: the sample at y = 0.5 is cut off to cell (0, 0), a wall.
    grid = GridMap(np.array([[100]], np.int8), 1.0)
    laser = Laser(num_rays=1, min_angle=math.pi / 2 + 0.01, max_angle=2.0, max_range=10.0)
    assert_readings_are_stdrs(grid, Robot(lasers=(laser,)), np.array([[-0.2, -2.5, 0.0]]))


def facing_a_wall(cell, metres, **ranges):
    """What sonar and laser read straight ahead where a column of this value begins so far away, less half a cell."""
    cells = np.zeros((11, 200), np.int8)
    cells[:, 100] = cell
    sonar, laser = Sonar(cone_angle=0.01, **ranges), Laser(num_rays=1, min_angle=0.0, max_angle=1.0, **ranges)
    world = SonarTrack(GridMap(cells, 0.0625), Robot(sonars=(sonar,), lasers=(laser,)))
    world.pose[0] = 100.5 * 0.0625 - metres, 5.5 * 0.0625, 0.0
    readings = world.read()
    return float(readings["sonar"][0, 0]), float(readings["laser_0"][0, 0])


def test_only_cells_above_70_stop_a_ray():
    assert facing_a_wall(100, 1.0) == facing_a_wall(71, 1.0) == (1.0, 1.0)
    for transparent in (70, 0, -1):
        assert facing_a_wall(transparent, 1.0) == (math.inf, math.inf)


def test_a_reading_below_the_least_range_is_minus_infinity():
    assert facing_a_wall(100, 1.0, min_range=1.0) == (1.0, 1.0)
    assert facing_a_wall(100, 1.0, min_range=1.001) == (-math.inf, -math.inf)


def test_at_the_greatest_range_itself_a_sonar_sees_nothing_and_a_laser_still_does():
    assert facing_a_wall(100, 1.0, max_range=1.0) == (math.inf, 1.0)
    assert facing_a_wall(100, 1.0, max_range=1.01) == (1.0, 1.0)
    assert facing_a_wall(100, 1.0, max_range=0.99) == (math.inf, math.inf)
