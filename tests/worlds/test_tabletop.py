"""The table, the hand and the camera over it: what is held and what is not, and that the same inputs give the same."""

import hashlib
import math
import pickle

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.grasping.camera import Camera, Intrinsics, Viewpoint
from control_bench.grasping.command import GRASP_TIME, NO_GRASP
from control_bench.grasping.depth_noise import DepthNoise
from control_bench.worlds.grasp_motion import HOLD_AT, HOME, SHAKE, TRAVEL, TURN, GraspMotion
from control_bench.worlds.hands import HANDS, PHYSICS_STEP
from control_bench.worlds.phase import Phase
from control_bench.worlds.tabletop import NO_OBJECT, SLOT, TabletopWorld
from control_bench.worlds.tabletop_scene import AWAY, HAND, TabletopScene

UPRIGHT = (0.0, 0.0, 0.0, 1.0)
NONE = NO_GRASP[None]
EXACT = DepthNoise(0.0, 0.0)
LOOKING_DOWN = Camera(Intrinsics(150.0, 150.0, 63.5, 47.5, 96, 128), Viewpoint.around(0.7, 0.0, 0.0))
BLOCK = (0.03, 0.06, 0.04)
every_hand = pytest.mark.parametrize("hand", HANDS)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Files of a block whose edges are those of BLOCK, of a ball 40 mm across, and of a cube of 30 mm."""
    folder = tmp_path_factory.mktemp("objects")
    meshes = trimesh.creation.box(BLOCK), trimesh.creation.icosphere(2, 0.02), trimesh.creation.box([0.03] * 3)
    for number, mesh in enumerate(meshes):
        mesh.export(folder / f"{number}.stl")
    return [str(folder / f"{number}.stl") for number in range(len(meshes))]


@pytest.fixture
def world(names):
    def make(hand="wsg50", rows=1, slots=1, noise=EXACT, steps=0, shift=(0.0, 0.0), camera=LOOKING_DOWN):
        scenes = [TabletopScene(hand, 0.5, 0.1) for _ in range(rows)]
        return TabletopWorld(scenes, names, slots, camera, noise, steps, shift)

    return make


def at(x=0.0, y=0.0, z=BLOCK[2] / 2.0, yaw=0.0, what=0):
    """An object's share of a start."""
    return [what, x, y, z, *Rotation.from_euler("z", yaw).as_quat()]


def reset(world, *starts, seed=3):
    rngs = [np.random.default_rng(seed + row) for row in range(len(starts))]
    world.reset(np.arange(len(starts)), np.array(starts), rngs)
    return world


def grasp(x=0.0, y=0.0, z=0.02, yaw=0.0, quality=0.5):
    return np.array([[x, y, z, yaw, quality]])


def played(world, *commands):
    """What tells the readings after every command from any others, of each row."""
    told = [world.read()]
    for command in commands:
        world.step(np.asarray(command))
        told.append(world.read())
    return [
        hashlib.sha256(b"".join(one[name][row].tobytes() for one in told for name in sorted(one))).hexdigest()
        for row in range(world.rows)
    ]


# What is held.


@every_hand
def test_a_block_gripped_square_to_its_sides_is_held_and_one_that_is_missed_is_not(world, hand):
    table = reset(world(hand), at(0.05, -0.04, yaw=0.6))
    assert table.read()["left"] == 1
    table.step(grasp(0.05, -0.04, yaw=0.6))
    told = table.read()
    assert (
        told["held"] and told["finished"] and told["left"] == 0 and told["objects"][0, 0].tolist() == NO_OBJECT.tolist()
    )
    table = reset(world(hand), at(0.05, -0.04, yaw=0.6))
    table.step(grasp(-0.05, 0.06, yaw=0.6))
    told = table.read()
    assert told["finished"] and not told["held"] and told["left"] == 1
    np.testing.assert_allclose(told["objects"][0, 0, 1:4], [0.05, -0.04, 0.02], atol=2e-3)


def test_a_block_wider_than_the_jaws_open_is_not_held(world):
    table = reset(world(), at())
    table.step(grasp(yaw=np.pi / 2.0))  # 60 mm, and the jaws open 50 mm
    assert table.read()["finished"] and not table.read()["held"]


@every_hand
def test_a_hand_that_is_sent_out_of_its_reach_fails_and_goes_home(world, hand):
    table = reset(world(hand), at())
    home = table.read()["hand"]
    for x, y, z in [(0.5, 0.5, 0.5), (-0.5, 0.0, 0.02), (0.5, -0.5, 0.0)]:
        table.step(grasp(x, y, z))
        told = table.read()
        assert told["finished"] and not told["held"] and told["left"] == 1 and told["phase"] == Phase.HOME
        np.testing.assert_allclose(told["hand"], home, atol=1e-5)


def test_what_is_grasped_one_after_the_other_is_gone_and_no_longer_seen(world):
    table = reset(world(slots=2), at(0.0, 0.1) + at(0.0, -0.1, 0.015, what=2))
    heights = [0.7 - table.read()["depth"][0]]
    for y, z in ((-0.1, 0.015), (0.1, 0.02)):
        table.step(grasp(y=y, z=z))
        heights.append(0.7 - table.read()["depth"][0])
        assert table.read()["held"]
    left, right = np.s_[:, :64], np.s_[:, 64:]  # y grows to the right
    # The second was dropped from above the first, and what is right is the block.
    assert [bool((h[right] > 0.02).any()) for h in heights] == [True, True, False]
    assert [bool((h[left] > 0.01).any()) for h in heights] == [True, False, False]
    assert table.read()["left"] == 0 and table.read()["objects"][0, :, 0].tolist() == [-1, -1]


# Again the same.


def commands_of(rows, count=2):
    rng = np.random.default_rng(8)
    drawn = rng.uniform([-0.05, -0.05, 0.015, -1.5, 0.0], [0.05, 0.05, 0.03, 1.5, 1.0], (count, rows, 5))
    drawn[1, -1] = NO_GRASP
    return drawn


@every_hand
@pytest.mark.parametrize("steps", [0, 48])
def test_the_same_seed_and_commands_give_the_same_readings_to_the_last_bit(world, hand, steps):
    options = dict(slots=2, noise=DepthNoise(), steps=steps, shift=(0.01, 0.02))
    starts = [at(0.02 * row, yaw=row) + at(0.01, 0.02, 0.1, what=1) for row in range(2)]
    commands = commands_of(2)
    used = world(hand, rows=2, **options)
    first = played(reset(used, *starts), *commands)
    assert played(reset(used, *starts), *commands) == first  # in a second episode of a used world
    for row, start in enumerate(starts):  # and alone in a fresh one
        assert played(reset(world(hand, **options), start, seed=3 + row), *commands[:, row : row + 1]) == [first[row]]
    assert played(reset(used, *starts, seed=4), *commands) != first  # or this would tell nothing


def test_a_row_that_is_not_active_stays_as_it_is(world):
    table = reset(world(rows=2), at(), at())
    before = table.read()
    table.step(np.concatenate([grasp(), grasp()]), np.array([True, False]))
    after = table.read()
    assert after["held"].tolist() == [True, False]
    for name, values in before.items():
        np.testing.assert_array_equal(after[name][1], values[1])


def test_an_episode_of_fewer_objects_tells_nothing_of_the_one_before(world):
    fewer, more = at() + NO_OBJECT.tolist(), at() + at(0.08, 0.08, what=2)
    table = world(slots=2)
    first = played(reset(table, fewer))
    reset(table, more)
    assert table.read()["left"] == 2
    assert played(reset(table, fewer)) == first


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_goes_on_exactly_from_a_state(world, stop):
    options = dict(rows=2, slots=2, noise=DepthNoise(), steps=48, shift=(0.02, 0.05))
    starts = [at() + at(0.0, 0.08, 0.02, what=1), at(0.02) + NO_OBJECT.tolist()]
    commands = np.repeat(commands_of(2, 2), 3, axis=0)
    table = reset(world(**options), *starts)
    played(table, *commands[:stop])
    state = pickle.loads(pickle.dumps(table.get_state()))
    expected = played(table, *commands[stop:])
    other = reset(world(**options), *starts, seed=9)  # in the middle of something else
    played(other, commands[0])
    other.set_state(state)
    assert played(other, *commands[stop:]) == expected


def test_a_world_that_never_began_gives_a_state_too(world):
    table = world()
    table.set_state(table.get_state())
    assert table.get_state()["begun"] == [None]


@pytest.mark.parametrize("steps", [0, 48])
def test_no_command_leaves_everything_as_it_is(world, steps):
    table = reset(world(steps=steps, shift=(0.03, 0.03)), at())
    before = table.read()
    for _ in range(5):
        table.step(NONE)
    after = table.read()
    assert all(np.array_equal(after[name], values) for name, values in before.items())


def test_no_command_under_way_leaves_the_last_one_standing(world):
    once, again = (reset(world(steps=48), at()) for _ in range(2))
    for step in range(40):
        once.step(grasp() if step == 0 else NONE)
        again.step(grasp())
        if once.read()["finished"]:
            break
    assert once.read()["held"] and again.read()["held"] and 10 < step < 35


# Moved on the way.


@pytest.mark.parametrize("steps", [0, 12])
def test_an_object_is_moved_once_after_the_first_command(world, steps):
    ways = []
    for seed in range(20 if steps else 5):
        table = reset(world(steps=steps, shift=(0.02, 0.05)), at(), seed=seed)
        table.step(NONE)
        places = [table.read()["objects"][0, 0, 1:3]]
        for _ in range(18 if steps else 1):
            table.step(grasp(0.0, -0.25))
            places.append(table.read()["objects"][0, 0, 1:3])
        jumps = np.linalg.norm(np.diff(places, axis=0), axis=1)
        if steps:
            (when,) = np.flatnonzero(jumps > 0.01)
            assert 0.2 <= (when + 1) * steps * PHYSICS_STEP <= 0.7 + steps * PHYSICS_STEP
            assert np.delete(jumps, when).max() < 1e-3
        assert 0.02 - 1e-3 < jumps.max() < 0.05 + 1e-3
        ways.append((places[-1] - places[0]) / jumps.max())
    assert np.linalg.norm(np.mean(ways, axis=0)) < 0.7  # to all sides


def test_a_command_that_follows_a_moved_object_holds_it_and_one_that_does_not_fails(world):
    held = []
    for follow in (True, False):
        table = reset(world(steps=48, shift=(0.05, 0.05)), at())
        for _ in range(40):
            x, y = table.read()["objects"][0, 0, 1:3] if follow else (0.0, 0.0)
            table.step(grasp(x, y))
            if table.read()["finished"]:
                break
        held.append(bool(table.read()["held"]))
    assert held == [True, False]


def test_a_grasp_that_takes_too_long_has_failed(world):
    table = reset(world(steps=48), at())
    for step in range(60):
        # It is called from one side of the table to the other before it can go down.
        table.step(grasp(0.4 if step % 2 else -0.4))
        if table.read()["finished"]:
            break
    assert not table.read()["held"] and (step + 1) * 48 * PHYSICS_STEP == pytest.approx(GRASP_TIME, abs=0.21)
    assert table.read()["phase"] == Phase.HOME


# Pictures.


def test_a_picture_shows_the_object_where_physics_has_it(world):
    scene = TabletopScene("wsg50", 0.5, 0.1)
    table = TabletopWorld([scene], world()._names, 1, LOOKING_DOWN, EXACT)
    reset(table, at(0.04, -0.06, yaw=0.5))
    depth, body = scene.see(LOOKING_DOWN)
    np.testing.assert_array_equal(table.read()["depth"][0], depth.astype(np.float32))
    x, y, z = table.read()["objects"][0, 0, 1:4]
    # From straight above, the image's right is y and its down is x.
    turn = Rotation.from_euler("z", 0.5).as_matrix()[:2, :2]
    for across, along in np.random.default_rng(0).uniform(-0.6, 0.6, (50, 2)):
        corner = np.array([x, y]) + turn @ (across * np.array([BLOCK[0], 0.0]) + along * np.array([0.0, BLOCK[1]]))
        column, row = np.round(np.array([corner[1], corner[0]]) * 150.0 / (0.7 - BLOCK[2]) + (63.5, 47.5)).astype(int)
        if max(abs(across), abs(along)) < 0.4:  # within the block's top
            assert body[row, column] == 1 and depth[row, column] == pytest.approx(0.7 - BLOCK[2], abs=1e-3)
        elif max(abs(across), abs(along)) > 0.58 and body[row, column] == 0:  # its sides are seen a little
            assert depth[row, column] == pytest.approx(0.7, abs=1e-6)
    assert (body[depth < 0.69] == 1).all() and (depth[body == 0] > 0.6999).all()
    assert (body == 1).sum() == pytest.approx(BLOCK[0] * BLOCK[1] * (150.0 / 0.66) ** 2, rel=0.15)


def test_objects_are_marked_by_their_place_in_the_start_and_the_hand_as_such(world):
    scene = TabletopScene("wsg50", 0.5, 0.1)
    table = TabletopWorld([scene], world()._names, 2, LOOKING_DOWN, EXACT, 48)
    reset(table, at(0.0, 0.1) + at(0.0, -0.1, 0.015, what=2))
    bare, alone = scene.see(LOOKING_DOWN)
    # At home the hand is out of sight.
    assert set(np.unique(alone)) == {0, 1, 2}
    assert np.nonzero(alone == 1)[1].mean() > 64 > np.nonzero(alone == 2)[1].mean()
    for _ in range(8):
        table.step(grasp(0.0, 0.1))
    depth, body = scene.see(LOOKING_DOWN)
    x, y, z, _, _ = table.read()["hand"][0]
    columns, height = np.nonzero(body == HAND)[1], 0.7 - depth[body == HAND]
    assert (body == HAND).sum() > 100
    assert height.max() == pytest.approx(z - 0.01 + 0.06 + 0.0725, abs=2e-3)  # the palm's top, from the fingertips up
    assert abs((columns.mean() - 63.5) / 150.0 * (0.7 - height.mean()) - y) < 0.02
    # What it does not hide is seen as before, but for how objects still come to rest.
    np.testing.assert_allclose(bare[body != HAND], depth[body != HAND], atol=5e-4)


@every_hand
def test_every_hand_is_out_of_sight_at_home(world, hand):
    camera = Camera(Intrinsics(150.0, 150.0, 91.0, 68.5, 138, 183), Viewpoint.around(0.7, 0.0, 0.2))
    scene = TabletopScene(hand, 0.5, 0.1)
    reset(TabletopWorld([scene], world()._names, 1, camera, EXACT), at())
    assert HAND not in scene.see(camera)[1]


def test_noise_is_that_of_its_settings_and_drawn_anew_for_every_picture(world):
    exact = reset(world(), at()).read()["depth"]
    table = reset(world(noise=DepthNoise(0.0, 0.005)), at())
    one = table.read()["depth"]
    table.step(NONE)
    other = table.read()["depth"]
    for noisy in (one, other):
        assert 0.002 < (noisy - exact).std() < 0.006
    assert abs(np.corrcoef((one - exact).ravel(), (other - exact).ravel())[0, 1]) < 0.2
    factors = [
        np.median(reset(world(noise=DepthNoise(1000.0, 0.0)), at(), seed=seed).read()["depth"] / exact)
        for seed in range(12)
    ]
    assert 0.01 < np.std(factors) < 0.06


# Heaps.


def test_a_heap_comes_to_rest_each_thing_on_what_lies_there(world):
    table = world(slots=4)
    heap = [at(0.01 * n, -0.01 * n, 0.05, what=2, yaw=n) for n in range(4)]
    reset(table, sum(heap, []))
    poses = table.read()["objects"][0, :, 1:]
    # None in the table, none in another, and some on others.
    assert poses[:, 2].min() > 0.0149 and poses[:, 2].max() > 0.03
    apart = np.linalg.norm(poses[:, None, :3] - poses[None, :, :3], axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 0.0275
    scene = table._scenes[0]
    for _ in range(60):
        scene.bullet.stepSimulation()
    assert np.abs(scene.poses()[:, :3] - poses[:, :3]).max() < 2e-3


def test_what_has_rolled_off_the_table_is_lost_after_the_next_grasp(world):
    table = world(slots=2)
    reset(table, at() + at(AWAY + 0.02, 0.0, what=2, z=0.015))
    assert table.read()["left"] == 2
    table.step(grasp(-0.1, 0.1))
    told = table.read()
    assert told["left"] == 1 and not told["held"] and told["objects"][0, 1].tolist() == NO_OBJECT.tolist()
    table = reset(world(slots=2), at() + at(AWAY - 0.02, 0.0, what=2, z=0.015))
    table.step(grasp(-0.1, 0.1))
    assert table.read()["left"] == 2


# Starts that are none.


@pytest.mark.parametrize(
    "start, told",
    [
        (at() + at(), "a start is 8 numbers, 8 an object"),
        (NO_OBJECT.tolist(), "it has no object"),
        ([np.nan] * SLOT, "without a place"),
        ([0, np.nan, *at()[2:]], "without a place"),
        ([*at()[:3], np.inf, *UPRIGHT], "without a place"),
        (at(what=3), "numbered from 0 to 2"),
        (at(what=-2), "numbered from 0 to 2"),
        (at(what=0.5), "numbered from 0 to 2"),
        ([*at()[:4], 0.0, 0.0, 0.0, 1.001], "unit length"),
    ],
)
def test_a_start_that_is_none_is_refused_with_a_reason(world, start, told):
    table = world()
    assert told in table.why_not(np.array(start)) and table.why_not(np.array(at())) is None
    with pytest.raises(BadInput, match=told):
        reset(table, start)


# How a hand moves.


class Still:
    """A hand that is wherever it is aimed, and keeps where that was."""

    def __init__(self):
        self.aims, self.closed = [], None

    def reset(self, position, yaw):
        self.aims, self.closed = [np.array([*position, yaw])], None

    def aim(self, position, yaw):
        self.aims.append(np.array([*position, yaw]))

    def close(self):
        self.closed = self.aims[-1]


def motion(*commands, at_step=()):
    """A whole motion: the hand, and the phase of each step; further commands come at steps of their own."""
    hand = Still()
    moved = GraspMotion(hand)
    moved.command(np.array(commands[0]))
    phases = []
    while moved.phase != Phase.DONE and len(phases) < 4000:
        for step, command in zip(at_step, commands[1:], strict=True):
            if step == len(phases):
                moved.command(np.array(command))
        moved.step()
        phases.append(moved.phase)
    return hand, phases


PLACE = st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(0.0, 0.2), st.floats(-math.pi, math.pi))


@hypothesis_settings(deadline=None, max_examples=15)
@given(target=PLACE)
def test_a_motion_goes_over_down_and_up_no_faster_than_it_may(target):
    hand, phases = motion(target)
    aims = np.array(hand.aims)
    changes = np.diff(aims[:-1], axis=0)
    assert list(dict.fromkeys(phases)) == [*range(Phase.TRAVEL, Phase.DONE + 1)]
    before = np.array(phases) < Phase.SHAKE
    assert np.linalg.norm(changes[before[:-1], :3], axis=1).max() <= TRAVEL * PHYSICS_STEP + 1e-9
    assert np.abs(changes[:, 3]).max() <= TURN * PHYSICS_STEP + 1e-9
    # It closes at the target, its jaws on the same axis, having turned the shorter way; and went down there from above.
    np.testing.assert_allclose(hand.closed[:3], target[:3], atol=1e-9)
    assert abs(math.sin(hand.closed[3] - target[3])) < 1e-9 and abs(hand.closed[3] - HOME[3]) <= math.pi / 2.0 + 1e-9
    descending = aims[1:][np.array(phases) == Phase.DESCEND]
    np.testing.assert_allclose(descending[:, :2], np.tile(target[:2], (len(descending), 1)), atol=1e-9)
    assert descending[0, 2] >= target[2] + 0.11
    shaking = aims[1:][np.array(phases) == Phase.SHAKE]
    np.testing.assert_allclose(np.ptp(shaking[:, [0, 2]], axis=0), 2.0 * SHAKE, atol=1e-3)
    assert shaking[:, 2].mean() == pytest.approx(HOLD_AT, abs=2e-3)


def test_the_newest_command_counts_until_the_hand_is_close():
    first, second = (0.1, 0.0, 0.02, 0.3), (-0.1, 0.05, 0.03, -0.5)
    _, phases = motion(first)
    descends, closes = phases.index(Phase.DESCEND), phases.index(Phase.CLOSE)
    for step, counts in ((0, second), (descends - 5, second), (descends + 5, second), (closes - 60, first)):
        hand, _ = motion(first, second, at_step=(step,))
        np.testing.assert_allclose(hand.closed[:3], counts[:3], atol=1e-9)


def test_nothing_moves_before_a_command():
    hand = Still()
    moved = GraspMotion(hand)
    for _ in range(10):
        moved.step()
    assert moved.phase == Phase.HOME and np.ptp(hand.aims, axis=0).max() == 0.0 and not moved.committed
