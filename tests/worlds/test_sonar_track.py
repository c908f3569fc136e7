"""Rows of a world: each on its own, exactly repeatable, and noisy only where asked."""

import dataclasses
import pickle

import numpy as np
import pytest

from control_bench.worlds.grid_map import GridMap
from control_bench.worlds.robot import Footprint, Kinematics, Laser, Noise, Robot, Sonar
from control_bench.worlds.sonar_track import SonarTrack

ROWS, STEPS = 4, 200
STARTS = np.array([(5.0, 9.0, 0.3), (9.0, 3.0, 4.0), (1.0, 7.0, 1.5), (5.0, 3.0, 2.0)])


@pytest.fixture(scope="module")
def noisy(drivebot):
    """Drivebot's robot with a laser and with noise of every kind, all of it drawn from the row's own generator."""
    laser = Laser(num_rays=7, noise=Noise(0.0, 0.02))
    return dataclasses.replace(drivebot, kinematics=Kinematics(a_ux_ux=0.01, a_w_w=0.02, a_g_ux=0.01), lasers=(laser,))


def begun(grid, robot, rows, **options):
    """A world with these rows of STARTS, each begun with its own seed."""
    world = SonarTrack(grid, robot, len(rows), **options)
    world.reset(np.arange(len(rows)), STARTS[rows], [np.random.default_rng(row) for row in rows])
    return world


def random_commands(seed=0, steps=STEPS):
    commands = np.random.default_rng(seed).uniform((-0.3, -0.5, -1.5), (1.0, 0.5, 1.5), size=(steps, ROWS, 3))
    commands[::5] = 0.0
    return commands


def trajectory(world, commands):
    """All readings after every step, by name (steps, rows, ...)."""
    readings = []
    for command in commands:
        world.step(command)
        readings.append(world.read())
    return {name: np.stack([one[name] for one in readings]) for name in readings[0]}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype
        assert ours[name].tobytes() == theirs[name].tobytes(), name


@pytest.mark.parametrize("noise", [False, True])
def test_rows_together_do_what_each_does_alone(track, drivebot, noisy, noise):
    robot, commands = noisy if noise else drivebot, random_commands()
    together = trajectory(begun(track, robot, range(ROWS), sensor_noise=noise), commands)
    assert np.ptp(together["pose"][:, :, :2], axis=0).min() > 0.1  # they did drive
    for row in range(ROWS):
        alone = trajectory(begun(track, robot, [row], sensor_noise=noise), commands[:, row : row + 1])
        assert_same(alone, {name: values[:, row : row + 1] for name, values in together.items()})


def test_what_one_row_does_changes_no_other(track, noisy):
    commands, others = random_commands(), random_commands(seed=1)
    others[:, 2] = commands[:, 2]
    ours, theirs = (trajectory(begun(track, noisy, range(ROWS), sensor_noise=True), c) for c in (commands, others))
    for name in ours:
        assert ours[name][:, 2].tobytes() == theirs[name][:, 2].tobytes()
    assert not np.array_equal(ours["pose"][:, 1], theirs["pose"][:, 1])


@pytest.mark.parametrize("noise", [False, True])
def test_rows_that_are_not_active_stay_as_they_are(track, drivebot, noisy, noise):
    world = begun(track, noisy if noise else drivebot, range(ROWS))
    active = np.array([True, False, True, False])
    command = np.tile([0.5, 0.0, 0.5], (ROWS, 1))
    command[1] = np.nan  # nor is their command looked at
    for _ in range(3):
        world.step(command, active)
    assert world.pose[~active].tolist() == STARTS[~active].tolist() and not world.velocity[~active].any()
    assert np.all(world.pose[active, 2] != STARTS[active, 2])


def test_a_reset_of_some_rows_leaves_the_others(track, drivebot):
    world = begun(track, drivebot, range(ROWS))
    trajectory(world, random_commands(steps=5))
    before = world.pose.copy()
    world.reset(np.array([3, 1]), STARTS[[0, 2]], [np.random.default_rng(0)] * 2)
    assert world.pose.tolist() == [before[0].tolist(), STARTS[2].tolist(), before[2].tolist(), STARTS[0].tolist()]


def test_a_state_taken_back_continues_exactly(track, noisy):
    world, commands = begun(track, noisy, range(ROWS), sensor_noise=True), random_commands()
    trajectory(world, commands[:50])
    state = pickle.loads(pickle.dumps(world.get_state()))
    kept = world.get_state()
    onward = trajectory(world, commands[50:100])
    other = SonarTrack(track, noisy, ROWS, sensor_noise=True)
    other.set_state(state)
    assert_same(trajectory(other, commands[50:100]), onward)
    # The state is a copy: neither going on from it nor having gone on since has changed it.
    world.set_state(kept)
    assert_same(trajectory(world, commands[50:100]), onward)
    world.set_state(kept)
    assert_same(trajectory(world, commands[50:100]), onward)


def test_what_is_read_does_not_change_later(track, drivebot):
    world = begun(track, drivebot, range(ROWS))
    readings = world.read()
    kept = {name: values.copy() for name, values in readings.items()}
    trajectory(world, random_commands(steps=5))
    assert_same(readings, kept)


def facing(noise, sensor_noise, rows=4000):
    """Sonar and laser readings of a wall 1 m ahead, of many rows each with its own generator."""
    cells = np.zeros((100, 200), np.int8)
    cells[:, 100] = 100
    sonar, laser = Sonar(cone_angle=0.1, min_range=0.2, max_range=3.0, noise=noise), Laser(num_rays=1, noise=noise)
    laser = dataclasses.replace(laser, min_angle=0.0, min_range=0.2, max_range=3.0)
    robot = Robot(footprint=Footprint(0.1), sonars=(sonar,), lasers=(laser,))
    world = SonarTrack(GridMap(cells, 0.02), robot, rows, sensor_noise=sensor_noise)
    rngs = [np.random.default_rng(row) for row in range(rows)]
    world.reset(np.arange(rows), np.tile([1.01, 1.0, 0.0], (rows, 1)), rngs)
    readings = world.read()
    return readings["sonar"][:, 0], readings["laser_0"][:, 0]


def test_sensor_noise_is_off_unless_asked_for(track, drivebot):
    assert drivebot.sonars[0].noise == Noise(0.1, 0.01)  # there is noise in the file
    world = begun(track, drivebot, range(ROWS))
    steps = world.read()["sonar"] / track.resolution
    np.testing.assert_allclose(steps[np.isfinite(steps)], np.round(steps[np.isfinite(steps)]), atol=1e-4)
    for readings in facing(Noise(0.1, 0.05), sensor_noise=False):
        assert np.unique(readings).tolist() == [1.0]


def test_sensor_noise_has_the_mean_and_deviation_of_the_file():
    for readings in facing(Noise(0.1, 0.05), sensor_noise=True):
        assert abs(readings.mean() - 1.1) < 0.004 and abs(readings.std() - 0.05) < 0.003
        assert len(np.unique(readings)) > 3000


def test_noise_that_takes_a_reading_out_of_range_makes_it_infinite():
    for readings in facing(Noise(0.0, 1.0), sensor_noise=True):
        finite = np.isfinite(readings)
        assert readings[finite].min() >= 0.2 and readings[finite].max() <= 3.0
        assert 0.17 < np.mean(readings == -np.inf) < 0.26  # a normal draw below -0.8 deviations: 0.21
        assert 0.01 < np.mean(readings == np.inf) < 0.04  # above 2 deviations: 0.023


def test_what_reads_nothing_is_not_made_to_read_something():
    cells = np.zeros((100, 100), np.int8)
    robot = Robot(sonars=(Sonar(max_range=0.5, noise=Noise(-0.3, 0.1)),))
    world = SonarTrack(GridMap(cells, 0.02), robot, 1, sensor_noise=True)
    world.pose[0] = 1.0, 1.0, 0.0
    assert world.read()["sonar"].tolist() == [[np.inf]]
