"""Controllers that plan grasps: from a picture to the action, whatever the camera's factor and whatever hides it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from depth_pictures import block, camera, picture
from gymnasium import spaces

from control_bench.controllers.antipodal_grasp import AntipodalGrasp
from control_bench.controllers.dexnet import SURE, DexNet, DexNetSettings
from control_bench.controllers.grasping import HIDING, TALLEST, GraspController, Planned, without_robot
from control_bench.controllers.random_grasp import RandomGrasp
from control_bench.errors import BadInput
from control_bench.grasping.command import NO_GRASP
from control_bench.grasping.depth_image import DepthImage, Table
from control_bench.grasping.depth_noise import DepthNoise
from control_bench.grasping.gripper import GRIPPERS, gripper_of
from control_bench.grasping.image_grasps import ImageGrasps
from control_bench.learning.checkpoint import save
from control_bench.plan import make_plan, misfit
from control_bench.registry import make_task

pytestmark = pytest.mark.usefixtures("one_thread")
FINE = camera(480, 640, 525.0)
ACTIONS = spaces.Box(-1.0, 1.0, (5,), np.float32)
PICTURES = spaces.Box(0.0, np.inf, (480, 640), np.float32)
CONTROLLERS = [RandomGrasp, AntipodalGrasp, DexNet]
every_controller = pytest.mark.parametrize("cls", CONTROLLERS)


def make(cls, settings=None, seed=0, gripper="wsg50", seen_by=FINE):
    controller = cls(PICTURES, ACTIONS, settings, seed, camera=seen_by, gripper=gripper_of(gripper))
    controller.begin(seed)
    return controller


def hand(x, y, height=0.08):
    """A palm 0.25 m high over a place, and two fingers below it."""
    pieces = [block((0.15, 0.05, 0.35), x, y)]
    pieces[0].apply_translation([0.0, 0.0, height + 0.06])
    for side in (-1.0, 1.0):
        pieces.append(block((0.01, 0.02, 0.06), x + 0.03 * side, y))
        pieces[-1].apply_translation([0.0, 0.0, height])
    return pieces


class Fixed(GraspController):
    """One that always plans the same, and keeps what it was shown."""

    def plan(self, image):
        self.shown = image
        grasps = ImageGrasps(np.array([[320.0, 240.0]]), np.array([0.3]), np.array([0.68]))
        return Planned(grasps, np.array([0.7]))


# From a plan to an action.


@every_controller
def test_the_grasp_lies_on_the_object_and_above_the_table(cls):
    controller = make(cls)
    depth, body = picture(FINE, block(x=0.05, y=-0.03, yaw=0.5))
    action = controller.act(depth)
    assert action.shape == (5,) and action.dtype == np.float32 and 0.0 <= action[4] <= 1.0
    column, row = np.round(FINE.intrinsics.project(FINE.view.to_camera(action[:3].astype(float)))).astype(int)
    assert body[row, column] == 1 and 0.0149 < action[2] < 0.04


def test_an_action_is_the_best_grasp_as_it_is_placed_on_the_table():
    controller = make(Fixed)
    x, y, z, yaw, quality = controller.act(picture(FINE, block())[0])
    points = np.array([[x, y, z], [x + 1e-3 * np.cos(yaw), y + 1e-3 * np.sin(yaw), z]])
    back = FINE.intrinsics.project(FINE.view.to_camera(points))
    np.testing.assert_allclose(back[0], [320.0, 240.0], atol=1e-2)
    across = back[1] - back[0]
    assert np.arctan2(across[1], across[0]) == pytest.approx(0.3, abs=1e-2)
    assert FINE.view.to_camera(points[0])[2] == pytest.approx(0.68, abs=1e-6) and quality == pytest.approx(0.7)
    assert len(controller.last.grasps) == 1


@every_controller
@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_cameras_factor_is_taken_out(cls, factor):
    depth, _ = picture(FINE, block(x=0.05, y=-0.03, yaw=0.5))
    as_it_is, scaled = make(cls).act(depth), make(cls).act((factor * depth).astype(np.float32))
    np.testing.assert_allclose(scaled, as_it_is, atol=2e-3)


@every_controller
def test_a_noisy_picture_with_holes_has_a_grasp_on_the_object_too(cls):
    rng = np.random.default_rng(0)
    depth, body = picture(FINE, block((0.04, 0.06, 0.05), 0.02, 0.05))
    noisy = DepthNoise().apply(depth, rng).astype(np.float32)
    noisy[rng.random(noisy.shape) < 0.1] = 0.0
    action = make(cls).act(noisy)
    assert action[4] >= 0.0 and np.hypot(action[0] - 0.02, action[1] - 0.05) < 0.045


@every_controller
def test_on_an_empty_table_and_in_a_picture_of_nothing_there_is_no_grasp(cls):
    controller = make(cls)
    controller.act(picture(FINE, block())[0])
    for depth in (picture(FINE)[0], np.zeros((480, 640), np.float32)):
        assert controller.act(depth).tolist() == NO_GRASP.tolist() and controller.act(depth).dtype == np.float32


@every_controller
def test_where_nothing_can_be_gripped_there_is_no_grasp(cls):
    assert (
        make(cls, seen_by=camera(480, 640, 525.0, polar=0.0))
        .act(picture(camera(480, 640, 525.0, polar=0.0), block((0.15, 0.15, 0.05)))[0])
        .tolist()
        == NO_GRASP.tolist()
    )


def test_pictures_are_planned_in_without_holes_and_by_the_known_table():
    controller = make(Fixed)
    depth, body = picture(FINE, block((0.04, 0.06, 0.05)))
    depth[200:220, 300:330] = 0.0
    controller.act((1.03 * depth).astype(np.float32))
    shown = controller.shown
    assert (shown.depth > 0.0).all() and (shown.mask & (body > 0)).sum() > 0.8 * (body > 0).sum()
    np.testing.assert_allclose(shown.table.picture, Table.below(FINE).picture)
    bare = (body == 0) & (depth > 0.0)
    np.testing.assert_allclose(shown.depth[bare], Table.below(FINE).picture[bare], rtol=1e-3)


# While a robot is in the picture.


@every_controller
def test_a_robot_over_what_is_to_be_grasped_keeps_the_last_grasp(cls):
    controller, scene = make(cls), [block(x=0.05, y=0.05, yaw=0.4)]
    before = controller.act(picture(FINE, *scene)[0])
    assert before[4] >= 0.0
    over = picture(FINE, *scene, *hand(0.05, 0.05))[0]
    assert controller.act(over).tolist() == before.tolist()
    controller.begin(1)  # another episode knows nothing of it
    assert controller.act(over).tolist() == NO_GRASP.tolist()


@every_controller
def test_a_robot_elsewhere_is_left_out_and_no_grasp_is_on_it(cls):
    controller, scene = make(cls), [block(x=0.05, y=0.1, yaw=0.4)]
    controller.act(picture(FINE, *scene)[0])
    moved = [block(x=0.0, y=0.06, yaw=0.4)]
    action = controller.act(picture(FINE, *moved, *hand(-0.1, -0.15))[0])
    assert np.hypot(action[0] - 0.0, action[1] - 0.06) < 0.035
    np.testing.assert_array_equal(controller.act(picture(FINE, *hand(-0.1, -0.15))[0]), NO_GRASP.astype(np.float32))


def test_what_belongs_to_a_robot_is_what_is_in_one_piece_with_something_tall():
    depth, body = picture(FINE, block(x=0.08, y=0.12), *hand(-0.05, -0.1))
    mask, robot = without_robot(depth, Table.below(FINE))
    assert not (mask & robot).any() and not (robot & (body == 1)).any()
    assert robot[body > 1].mean() > 0.95 and mask[body == 1].mean() > 0.75 and mask[body != 1].mean() < 0.01
    for height, is_robot in ((TALLEST - 0.02, False), (TALLEST + 0.02, True)):
        straight = camera(480, 640, 525.0, polar=0.0)
        depth = picture(straight, block((0.05, 0.05, height)))[0]
        assert without_robot(depth, Table.below(straight))[1].any() == is_robot


def test_a_robot_hides_what_is_within_some_centimetres_of_the_grip_point():
    controller = make(Fixed, seen_by=camera(480, 640, 525.0, polar=0.0))
    controller._action = np.array([0.0, 0.0, 0.0, 0.0, 0.5], np.float32)
    for away, hides in ((HIDING - 0.005, True), (HIDING + 0.005, False)):
        robot = np.zeros((480, 640), dtype=bool)
        robot[240, round(319.5 + 525.0 * away / 0.7)] = True
        assert controller._hides_the_target(robot) == hides
    assert not controller._hides_the_target(np.zeros((480, 640), dtype=bool))
    controller._action = NO_GRASP.astype(np.float32)
    assert not controller._hides_the_target(np.ones((480, 640), dtype=bool))


# Each of them.


@pytest.mark.parametrize("cls", [RandomGrasp, AntipodalGrasp])
def test_what_is_drawn_depends_on_the_episodes_seed_alone(cls):
    depth = picture(FINE, block((0.04, 0.12, 0.04)))[0]
    one, other = make(cls, seed=1), make(cls, seed=2)
    first = [one.act(depth).tolist() for _ in range(2)]
    other.act(depth)
    other.begin(1)
    assert [other.act(depth).tolist() for _ in range(2)] == first
    other.begin(3)
    assert cls is AntipodalGrasp or other.act(depth).tolist() not in first


def test_random_grasps_are_anywhere_on_the_object():
    controller, depth = make(RandomGrasp), picture(FINE, block((0.03, 0.12, 0.04)))[0]
    places = []
    for seed in range(40):
        controller.begin(seed)
        places.append(controller.act(depth)[1])
    assert np.ptp(places) > 0.08 and abs(np.mean(places)) < 0.02 and controller.last.qualities.tolist() == [0.5]


def test_antipodal_grasps_are_near_the_middle_and_the_nearest_is_the_best():
    controller, depth = make(AntipodalGrasp), picture(FINE, block((0.03, 0.12, 0.05)))[0]
    for seed in range(3):
        controller.begin(seed)
        x, y, z, yaw, quality = controller.act(depth)
        assert abs(y) < 0.015 and abs(np.cos(yaw)) > 0.97 and quality > 0.9
        assert z == pytest.approx(0.05 - controller.settings.depth * np.cos(0.2), abs=3e-3)
    assert (np.diff(controller.last.qualities) <= 0.0).all()
    ends = np.abs(controller.last.grasps[-1:].placed(FINE)[0, 1])
    half = 1.0 / (1.0 + (ends / controller.settings.far) ** 2)
    assert controller.last.qualities[-1] == pytest.approx(half, abs=0.1)


# dexnet.


PLAN = DexNetSettings(seeds=80, samples=40, iterations=2)


def test_the_same_policy_plans_the_same():
    depth = picture(FINE, block(yaw=0.3))[0]
    one, other = make(DexNet, PLAN, seed=1), make(DexNet, PLAN, seed=2)
    one.begin(5), other.begin(5)
    expected = one.act(depth)
    assert not np.array_equal(other.act(depth), expected)
    other.set_policy(one.get_policy())
    other.begin(5)
    assert other.act(depth).tolist() == expected.tolist()
    for name, weights in one.get_policy()["network"].items():
        np.testing.assert_array_equal(other.get_policy()["network"][name], weights)


def test_an_untrained_network_is_of_its_seed_and_leaves_others_draws_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, again, other = (make(DexNet, seed=seed).get_policy()["network"] for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    name = "layers.0.weight"
    assert np.array_equal(one[name], again[name]) and not np.array_equal(one[name], other[name])


@pytest.fixture
def wide(monkeypatch):
    """The name of a gripper that opens further than ours."""
    monkeypatch.setitem(GRIPPERS, "wide", replace(GRIPPERS["wsg50"], name="wide", opening=0.08))
    return "wide"


def test_a_policy_for_another_gripper_is_refused_and_one_for_a_gripper_alike_is_not(wide):
    one = make(DexNet, PLAN)
    one.set_policy(one.get_policy())  # nobody knows what an untrained one is for
    policy = one.get_policy() | {"trained": {"gripper": wide, "near": 0.6, "far": 0.7}}
    with pytest.raises(BadInput, match="for the gripper wide, not wsg50"):
        one.set_policy(policy)
    other = make(DexNet, PLAN, gripper=wide)
    other.set_policy(policy)
    assert other.trained == policy["trained"]
    alike = policy | {"trained": {"gripper": "panda", "near": 0.6, "far": 0.7}}
    one.set_policy(alike)
    assert one.trained["gripper"] == "panda"


def checkpoint(path, gripper="wsg50", task="grasp", **settings):
    """A policy of dexnet, as `train` writes it, for a gripper."""
    plan = make_plan(task, "dexnet", assignments=settings)
    made = plan.make_task()
    policy = plan.make_controller(made).get_policy() | {"trained": {"gripper": gripper, "near": 0.65, "far": 0.75}}
    save(path, plan.about(made) | {"seed": 0, "steps": 1, "policy": policy})
    return path


@pytest.mark.parametrize("task, settings", [("grasp", {}), ("bin", {}), ("grasp", {"height": 240, "width": 320})])
def test_one_checkpoint_serves_every_task_and_camera(tmp_path, task, settings):
    path = checkpoint(tmp_path / "dexnet.pt", **{"hand": "kuka", "noise": 0.001, "seeds": 33})
    plan = make_plan(task, "dexnet", checkpoint=path, assignments=settings | {"objects": "lego"})
    made = plan.make_task()
    controller = plan.make_controller(made)
    # Of the checkpoint's settings the controller's count, and none of its task's.
    assert controller.settings.seeds == 33 and made.settings.noise == 0.005 and made.settings.hand == "wsg50"
    assert controller.trained["gripper"] == "wsg50" and controller.camera is made.camera


def test_a_checkpoint_for_another_gripper_is_refused_by_name(tmp_path, wide):
    path = checkpoint(tmp_path / "dexnet.pt", wide)
    plan = make_plan("grasp", "dexnet", checkpoint=path, assignments={"objects": "lego"})
    with pytest.raises(BadInput, match="dexnet.pt: its network was trained for the gripper wide, not wsg50"):
        plan.make_controller(plan.make_task())


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    path = checkpoint(tmp_path / "dexnet.pt")
    plan = make_plan("grasp", "dexnet", checkpoint=path, assignments={"objects": "lego", "architecture": "code"})
    with pytest.raises(BadInput, match=r"controller settings \(architecture=code, not small\): leave"):
        plan.make_controller(plan.make_task())


@every_controller
def test_controllers_of_grasps_suit_tasks_of_grasps_alone(cls):
    for task, settings in (("grasp", {"objects": "lego"}), ("bin", {"objects": "lego"})):
        assert misfit(cls, make_task(task, settings)) is None
    assert "camera" in misfit(cls, make_task("drivebot"))


def test_dropout_picks_the_surest_of_the_best():
    depth = picture(FINE, block())[0]
    plain = make(DexNet, PLAN)
    image, _ = plain.see(depth)
    several = make(DexNet, DexNetSettings(seeds=80, samples=40, iterations=2, dropout=0.5, passes=10))
    several.set_policy(plain.get_policy())
    found, again = [], []
    for seed in range(6):
        plain.begin(seed), several.begin(seed)
        best, other = plain.plan(image), several.plan(image)
        several.begin(seed)
        again.append(several.plan(image).grasps.pixels.tolist() == other.grasps.pixels.tolist())
        assert len(best.grasps) == len(other.grasps)
        first = np.flatnonzero((best.grasps.pixels == other.grasps.pixels[0]).all(axis=1))[0]
        assert first < SURE and np.sort(best.qualities).tolist() == np.sort(other.qualities).tolist()
        np.testing.assert_array_equal(np.delete(best.grasps.pixels, first, axis=0), other.grasps.pixels[1:])
        found.append(first)
    assert len(set(found)) > 1 and all(again)  # an episode's seed is all that it depends on


def test_the_surest_is_what_dropout_thinks_best(monkeypatch):
    controller = make(DexNet, DexNetSettings(seeds=80, dropout=0.5, passes=3))
    means = torch.tensor([0.5, 0.6, 0.9, 0.7, 0.2, 0.1, 0.3, 0.4])
    monkeypatch.setattr("control_bench.controllers.dexnet.entropies", lambda *told: (means, torch.zeros(8)))
    image, _ = controller.see(picture(FINE, block())[0])
    planned = controller.plan(image)
    controller.begin(0)
    by_quality = np.sort(planned.qualities)[::-1]
    assert planned.qualities[0] == by_quality[2]


class Slow(torch.nn.Module):
    """A network that takes its time by a clock that it moves itself."""

    def __init__(self, clock, each):
        super().__init__()
        self.clock, self.each, self.rated = clock, each, 0

    def forward(self, crops, depths):
        self.clock[0] += self.each
        self.rated += len(crops)
        return torch.zeros(len(crops), 2)


@pytest.mark.parametrize("planner", ["cem", "ranking"])
@pytest.mark.parametrize("deadline, budget, most", [(None, 0.5, np.inf), (8.0, 0.5, 0.5), (0.3, 0.5, 0.3)])
def test_a_budget_counts_in_real_time_alone_and_the_deadline_with_it(monkeypatch, planner, deadline, budget, most):
    clock = [10.0]
    monkeypatch.setattr("control_bench.grasping.planners.time.monotonic", lambda: clock[0])
    controller = make(DexNet, DexNetSettings(seeds=256, samples=256, planner=planner, budget=budget))
    controller.network, controller.deadline = Slow(clock, 0.2), deadline
    action = controller.act(picture(FINE, block())[0])
    assert action[4] == pytest.approx(0.5)  # there is a plan, however little time there was
    if deadline is None:
        assert controller.network.rated > 600 and clock[0] - 10.0 > budget + 1.0
    else:
        assert clock[0] - 10.0 <= most + 0.2 + 1e-9 and controller.network.rated < 260


@pytest.mark.parametrize(
    "settings, told",
    [
        (dict(dropout=1.0), "dropout: 1.0 should be 0 or more, and below 1"),
        (dict(passes=5), "passes: without dropout they are all alike"),
        (dict(passes=-1, dropout=0.5), "passes: should be 0 or more"),
        (dict(planner="fully_convolutional", architecture="code"), "set architecture=small"),
        (dict(budget=0.0), "budget"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, told):
    with pytest.raises(BadInput, match=told):
        DexNetSettings(**settings)


def test_a_camera_that_stands_elsewhere_is_planned_for_too():
    seen_by = camera(480, 640, 525.0, distance=0.8, azimuth=2.0, polar=0.4, roll=1.0)
    controller = make(AntipodalGrasp, seen_by=seen_by)
    x, y, _, yaw, _ = controller.act(picture(seen_by, block((0.03, 0.09, 0.04), 0.06, -0.02, 0.8))[0])
    assert np.hypot(x - 0.06, y + 0.02) < 0.02 and abs(np.cos(yaw - 0.8)) > 0.95


def test_an_image_is_as_the_file_planner_makes_it():
    # Where the table is found instead of known, it is the same table.
    depth, _ = picture(FINE, block())
    image, robot = make(Fixed).see(depth)
    found = DepthImage.of(depth, FINE.intrinsics)
    np.testing.assert_allclose(image.table.picture, found.table.picture, atol=1e-4)
    assert (image.mask == found.mask).mean() > 0.999 and not robot.any()
