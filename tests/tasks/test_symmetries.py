"""Symmetries: balance's eight by their matrices and by the physics, and steps that are learned from in the mirror."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from control_bench.controllers.base import Transitions
from control_bench.errors import BadInput
from control_bench.plan import make_plan
from control_bench.registry import make_env
from control_bench.tasks.balance import Balance, BalanceSettings
from control_bench.tasks.pole import PUSHES

EIGHT = [np.array(m) for m in (
    [[1, 0], [0, 1]], [[-1, 0], [0, 1]], [[1, 0], [0, -1]], [[-1, 0], [0, -1]],
    [[0, 1], [1, 0]], [[0, -1], [1, 0]], [[0, 1], [-1, 0]], [[0, -1], [-1, 0]],
)]  # fmt: skip
"""The ways in which a square can be turned and mirrored."""


def symmetries(actions="continuous", repeats=2):
    return Balance(BalanceSettings(actions=actions, repeats=repeats)).symmetries


def matrices(these):
    """Each symmetry's matrix (2, 2), by where it takes a push along x and one along y."""
    count, (x, y) = len(these.action), np.eye(2)
    which = np.arange(count)
    return np.stack([these.actions(np.tile(axis, (count, 1)), which) for axis in (x, y)], axis=2)


def in_space(matrix):
    whole = np.eye(3)
    whole[:2, :2] = matrix
    return whole


def poses(rng, *shape):
    turns = Rotation.random(int(np.prod(shape)), random_state=rng.integers(1000)).as_quat().reshape(*shape, 4)
    return np.concatenate([rng.normal(size=(*shape, 3)), turns], axis=-1)


def rotations(poses):
    return Rotation.from_quat(poses[..., 3:].reshape(-1, 4)).as_matrix().reshape(*poses.shape[:-1], 3, 3)


def moved(poses, matrix):
    """Positions and rotation matrices of poses as a symmetry shows them."""
    m = in_space(matrix)
    return poses[..., :3] @ m.T, m @ rotations(poses) @ m.T


# By matrices.


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_there_are_all_eight_and_the_first_changes_nothing(actions):
    these = symmetries(actions)
    assert len(these.observation) == len(these.observation_signs) == len(these.action) == 8
    seen = poses(np.random.default_rng(0), 8, 2, 2)
    np.testing.assert_array_equal(these.observations(seen, np.zeros(8, int)), seen)
    if actions == "continuous":
        found = matrices(these).astype(int).tolist()
        assert found[0] == EIGHT[0].tolist() and sorted(found) == sorted(m.tolist() for m in EIGHT)
        pushed = np.random.default_rng(1).uniform(-1, 1, (8, 2)).astype(np.float32)
        np.testing.assert_array_equal(these.actions(pushed, np.zeros(8, int)), pushed)
    else:
        assert these.actions(np.arange(5), np.zeros(5, int)).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("repeats", [1, 2, 3])
@pytest.mark.parametrize("which", range(8))
def test_poses_and_pushes_are_moved_by_one_matrix(which, repeats):
    these, rng = symmetries(repeats=repeats), np.random.default_rng(which)
    matrix, seen = matrices(these)[which], poses(rng, 5, repeats, 2)
    pushed, chosen = rng.uniform(-1, 1, (5, 2)).astype(np.float32), np.full(5, which)
    shown = these.observations(seen, chosen)
    places, turns = moved(seen, matrix)
    np.testing.assert_array_equal(shown[..., :3], places)
    np.testing.assert_allclose(rotations(shown), turns, atol=1e-12)
    np.testing.assert_array_equal(these.actions(pushed, chosen), pushed @ matrix.T.astype(np.float32))


def test_every_row_has_a_symmetry_of_its_own_and_keeps_its_kind():
    these, rng = symmetries(), np.random.default_rng(3)
    seen, pushed = poses(rng, 30, 2, 2), rng.uniform(-1, 1, (30, 2)).astype(np.float32)
    which = rng.integers(0, 8, 30)
    shown, action = these.observations(seen, which), these.actions(pushed, which)
    assert (shown.shape, shown.dtype, action.shape, action.dtype) == (seen.shape, seen.dtype, (30, 2), np.float32)
    for row in range(30):
        np.testing.assert_array_equal(shown[row], these.observations(seen[row : row + 1], which[row : row + 1])[0])
        np.testing.assert_array_equal(action[row], matrices(these)[which[row]] @ pushed[row])


def test_they_are_a_group():
    these, rng = symmetries(), np.random.default_rng(4)
    found, seen, pushed = matrices(these), poses(rng, 1, 2, 2), rng.uniform(-1, 1, (1, 2))
    for first, second in np.ndindex(8, 8):
        one, other = np.array([first]), np.array([second])
        both = np.flatnonzero((found == found[second] @ found[first]).all(axis=(1, 2)))
        assert len(both) == 1
        np.testing.assert_array_equal(
            these.observations(these.observations(seen, one), other), these.observations(seen, both)
        )
        np.testing.assert_array_equal(these.actions(these.actions(pushed, one), other), these.actions(pushed, both))
    assert all((found == matrix.T).all(axis=(1, 2)).any() for matrix in found)  # the inverses


def test_discrete_actions_become_the_ones_that_push_there():
    pushed = symmetries()
    table = symmetries("discrete")
    for which, matrix in enumerate(matrices(pushed)):
        become = table.actions(np.arange(5), np.full(5, which))
        np.testing.assert_array_equal(PUSHES[become], PUSHES @ matrix.T)
        assert become.dtype.kind == "i" and sorted(become) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(table.observation, pushed.observation)
    np.testing.assert_array_equal(table.observation_signs, pushed.observation_signs)


# By the physics.


def episode(angle, actions):
    """The poses (steps + 1, 2, 7) of a push at an angle and of actions (steps, 2) after it."""
    env = make_env("balance", push_angle=float(angle), actions="continuous")
    return np.array([env.reset(seed=0)[0][-1], *(env.step(action.astype(np.float32))[0][-1] for action in actions)])


def apart(one, places, turns):
    """The largest difference in metres, and in the directions of the bodies' z axes; how a pole that stands on its end
    turns about itself is left out, for that is the contact's noise."""
    return np.abs(one[..., :3] - places).max(), np.abs(rotations(one)[..., 2] - turns[..., 2]).max()


def test_the_world_goes_the_mirrored_way_too():
    # Bullet goes through contacts in an order that has no symmetry, so the ways part after a while: by half a
    # centimetre on average after ten steps, in which the cart goes a quarter of a metre.
    found, right, wrong, far = matrices(symmetries()), [], [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        angle, actions = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1, (10, 2))
        base = episode(angle, actions)
        far.append(np.abs(base[:, 0, :2]).max())
        push = found @ [np.cos(angle), np.sin(angle)]
        for which, matrix in enumerate(found):
            mirrored = episode(np.arctan2(*push[which][::-1]), actions @ matrix.T)
            off = np.array([apart(mirrored, *moved(base, one)) for one in found])
            assert off[:, 0].argmin() == which, (seed, which)
            right.append(off[which])
            wrong.append(np.delete(off, which, axis=0).mean(axis=0))
    right, wrong = np.array(right), np.array(wrong)
    assert (right.mean(axis=0) < (0.01, 0.06)).all() and (right[:, 0] < 0.025).all()
    assert (wrong.mean(axis=0) > 10 * right.mean(axis=0)).all()
    assert np.mean(far) > 0.1


# Learning in mirrors.


def small(task, controller, **settings):
    plan = make_plan(task, controller, assignments={"mirror": True, "hidden": [4], "batch": 64} | settings)
    task = plan.make_task()
    return plan, task


@pytest.mark.parametrize(
    ("task", "controller", "settings"),
    [
        ("balance", "naf", {"observation": "pixels", "size": 16, "filters": [2], "preprocess": "bounds"}),
        ("balance", "dqn", {"observation": "pixels", "size": 16, "filters": [2], "preprocess": "bounds",
                            "actions": "discrete"}),
        ("drivebot", "dqn", {}),
        ("reach", "ddpg", {}),
    ],
)  # fmt: skip
def test_a_task_without_symmetries_is_refused_in_one_line(task, controller, settings):
    plan, made = small(task, controller, **settings)
    with pytest.raises(
        BadInput, match=f"{controller} on {task}: mirror: the task has no symmetries .* set mirror to false"
    ) as caught:
        plan.make_controller(made)
    assert "\n" not in str(caught.value)
    plan.controller_settings["mirror"] = False
    plan.make_controller(made)


@pytest.mark.parametrize(
    ("controller", "settings"),
    [("naf", {}), ("ddpg", {}), ("dqn", {"actions": "discrete", "n_step": 3, "priority": 0.6, "reward_scale": 0.5})],
)
def test_mirrored_steps_earn_and_weigh_what_they_did(controller, settings):
    plan, task = small("balance", controller, learn_start=10**6, preprocess="bounds", **settings)
    learner, rng, rows = plan.make_controller(task, seed=3), np.random.default_rng(0), 4
    here = poses(rng, rows, 2, 2)
    for _ in range(40):
        there = poses(rng, rows, 2, 2)
        no, yes = np.zeros(rows, bool), np.ones(rows, bool)
        learner.learn(Transitions(here, learner.explore(here), rng.normal(size=rows), there, rng.random(rows) < 0.2, no,
                                  yes))  # fmt: skip
        here = there
    if settings.get("priority"):
        learner.replay.set_errors(np.arange(60), np.linspace(0.1, 3.0, 60))
    told, sample, learn_from = [], learner.replay.sample, learner.learn_from
    learner.replay.sample = lambda *given: told.append(sample(*given)) or told[-1]
    learner.learn_from = lambda batch: told.append(batch) or learn_from(batch)
    for _ in range(4):
        learner.update()
    these, counts = task.symmetries, np.zeros(8, int)
    for was, shown in zip(told[::2], told[1::2], strict=True):
        np.testing.assert_array_equal(shown.reward, was.reward * np.float32(learner.settings.reward_scale))
        for name in ("ahead", "index", "weight"):
            np.testing.assert_array_equal(getattr(shown, name), getattr(was, name))
        for row in range(64):  # all of a step in one mirror
            alone = replace(
                was, **{name: values[row : row + 1] for name, values in vars(was).items() if values is not None}
            )
            as_shown = [
                which for which in np.arange(8)[:, None]
                if np.array_equal(these.observations(alone.observation, which)[0], shown.observation[row])
            ]  # fmt: skip
            (which,) = as_shown
            np.testing.assert_array_equal(
                these.observations(alone.next_observation, which)[0], shown.next_observation[row]
            )
            np.testing.assert_array_equal(these.actions(alone.action, which)[0], shown.action[row])
            counts[which] += 1
    assert counts.min() > 15 and counts.sum() == 256  # 32 of each, evenly drawn
    if settings.get("priority"):
        assert np.ptp(told[0].weight) > 0.1


def test_without_mirror_steps_are_learned_as_they_were():
    plan, task = small("balance", "naf", learn_start=10**6, preprocess="bounds", reward_scale=1.0)
    plan.controller_settings["mirror"] = False
    learner = plan.make_controller(task)
    rng = np.random.default_rng(0)
    here, no = poses(rng, 1, 2, 2), np.zeros(1, bool)
    for _ in range(5):
        learner.learn(Transitions(here, learner.explore(here), np.ones(1), here, no, no, ~no))
    told, sample, learn_from = [], learner.replay.sample, learner.learn_from
    learner.replay.sample = lambda *given: told.append(sample(*given)) or told[-1]
    learner.learn_from = lambda batch: told.append(batch) or learn_from(batch)
    learner.update()
    assert told[0] is told[1]
