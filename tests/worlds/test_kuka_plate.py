"""The plate that an arm carries: level, moved as a cart would be, and the same each time."""

import numpy as np
import pytest

from control_bench.errors import BadInput
from control_bench.registry import make_env, make_task
from control_bench.worlds.kuka_plate import KukaPlate


@pytest.fixture(scope="module")
def plate():
    scene = KukaPlate()
    scene.settle(100)
    return scene


def played(scene: KukaPlate) -> np.ndarray:
    rng, seen = np.random.default_rng(3), []
    scene.restore()
    scene.apply(np.array([8.0, -5.0]), 30)
    for _ in range(12):
        scene.apply(rng.uniform(-25, 25, 2), 10)
        seen.append(scene.poses())
    return np.array(seen)


def test_at_rest_the_pole_stands_on_the_level_plate(plate):
    plate.restore()
    carrier, pole = plate.poses()
    np.testing.assert_allclose(carrier, [0, 0, 0.09, 0, 0, 0, 1], atol=2e-3)
    np.testing.assert_allclose(pole, [0, 0, 0.35, 0, 0, 0, 1], atol=3e-3)


def test_a_push_moves_the_plate_and_it_stays_level_and_as_high(plate):
    # 12 N for an eighth of a second on 6 kg: 0.25 m/s, which nothing brakes.
    plate.restore()
    plate.apply(np.array([0.0, 12.0]), 30)
    begun = plate.poses()[0]
    plate.apply(np.zeros(2), 48)
    after = plate.poses()[0]
    assert (after[1] - begun[1]) / 0.2 == pytest.approx(0.25, rel=0.05)
    assert abs(after[0]) < 2e-3 and abs(after[2] - 0.09) < 2e-3
    assert np.abs(after[3:5]).max() < 0.01  # half the angle, rad


def test_the_same_forces_give_the_same_to_the_last_bit(plate):
    first = played(plate)
    np.testing.assert_array_equal(played(plate), first)
    fresh = KukaPlate()
    fresh.settle(100)
    np.testing.assert_array_equal(played(fresh), first)


def test_a_scene_shows_what_another_told_arm_and_all(plate):
    told, shown = played(plate)[-1], KukaPlate()
    middle, ends = shown.show(told)
    np.testing.assert_allclose(shown.poses(), told, atol=2e-3)
    np.testing.assert_allclose(
        middle, shown.bullet.getLinkState(shown.arm, 7, computeForwardKinematics=True)[4], atol=2e-3
    )
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(0.5)
    # The pole's lower end is on the plate, whose upper face is 1 cm above its middle.
    assert 0.0 < ends[0, 2] - middle[2] < 0.03


def test_the_task_is_balances_own_within_the_arms_reach():
    env = make_env("kuka_balance", actions="continuous", longest=60)
    observation, _ = env.reset(seed=0)
    assert observation.shape == (2, 2, 7)
    steps, over = 0, False
    while not over:
        _, _, terminated, truncated, info = env.step(np.zeros(2, np.float32))
        steps, over = steps + 1, terminated or truncated
    assert info["outcome"] in ("fallen", "out of bounds") and steps < 40
    assert make_task("kuka_balance").field == 0.25


@pytest.mark.parametrize(
    "settings, said",
    [({"push": 60.0}, "push: 60.0 throws"), ({"observation": "pixels"}, "unknown key 'observation'")],
)
def test_what_an_arm_can_not_do_is_refused(settings, said):
    with pytest.raises(BadInput, match=said):
        make_task("kuka_balance", settings)
