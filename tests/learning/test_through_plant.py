"""A policy through a plant: what it sees and when, where noise goes, and the residuals and their gradient."""

from functools import partial

import numpy as np
import pytest
import torch

from control_bench.dynamics import torch_plant
from control_bench.dynamics.planar_arm import PlanarArm
from control_bench.learning.curvature import flatten, put
from control_bench.learning.recurrent import RecurrentPolicy
from control_bench.learning.through_plant import Movements, residuals, roll_out

pytestmark = pytest.mark.usefixtures("one_thread")

tensor = partial(torch.as_tensor, dtype=torch.float64)


class Recorder:
    """A policy that notes what it sees and what it is handed back, and gives torques of its own."""

    def __init__(self, torques):
        self.torques, self.seen, self.memories = torques, [], []

    def __call__(self, observed, memory):
        self.seen.append(observed)
        self.memories.append(memory)
        number = len(self.seen)
        return self.torques[number - 1], (number * torch.ones(len(observed), 1), -number * torch.ones(len(observed), 2))


def batch(rows=3, steps=6, joints=2, seed=0, checks=2, **options):
    rng = np.random.default_rng(seed)
    make = lambda *shape: tensor(rng.uniform(-1, 1, shape))  # noqa: E731
    return Movements(
        starts=make(rows, 2 * joints), goals=make(steps, rows, joints),
        checks=torch.as_tensor(rng.integers(0, steps + 1, (rows, checks))), wanted=make(rows, checks, 2 * joints),
        weights=tensor([3.0] * joints + [0.3] * joints), **options,
    )  # fmt: skip


def noise(*shape, seed=5):
    return tensor(np.random.default_rng(seed).standard_normal(shape))


def push(states, torques):
    """A plant in which every state differs from every other."""
    return states + torch.cat([torques, 2.0 * torques], dim=1) + 1.0


def both(goal, state):
    return torch.cat([goal, state], dim=1)


def driven(one):
    policy = Recorder(noise(*one.goals.shape, seed=9))
    return policy, roll_out(policy, push, both, one)


def test_a_roll_out_holds_every_state_torque_and_hidden_unit():
    one = batch()
    policy, rolled = driven(one)
    np.testing.assert_array_equal(rolled.torques, policy.torques)
    np.testing.assert_array_equal(rolled.states[0], one.starts)
    for t in range(6):
        np.testing.assert_array_equal(rolled.states[t + 1], push(rolled.states[t], policy.torques[t]))
        np.testing.assert_array_equal(policy.seen[t], both(one.goals[t], rolled.states[t]))
        np.testing.assert_array_equal(rolled.hidden[t], [[t + 1, -t - 1, -t - 1]] * 3)


def test_memory_is_handed_on_from_nothing():
    policy, _ = driven(batch())
    assert policy.memories[0] is None
    assert [float(memory[0][0]) for memory in policy.memories[1:]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("delay", [0, 1, 3, 5, 9])
def test_the_policy_sees_the_state_of_so_many_steps_ago_and_the_goal_at_once(delay):
    one = batch(delay=delay)
    policy, rolled = driven(one)
    for t, seen in enumerate(policy.seen):
        np.testing.assert_array_equal(seen, both(one.goals[t], rolled.states[max(0, t - delay)]))


def test_sensor_noise_is_seen_and_not_felt():
    one = batch(delay=2, sensor_noise=noise(6, 3, 4))
    policy, rolled = driven(one)
    np.testing.assert_array_equal(rolled.states, driven(batch())[1].states)  # noise on what is seen now, late or not
    for t, seen in enumerate(policy.seen):
        np.testing.assert_array_equal(seen, both(one.goals[t], rolled.states[max(0, t - 2)] + one.sensor_noise[t]))


def test_motor_noise_is_felt_and_neither_a_torque_of_the_policys_nor_effort():
    one, quiet = batch(motor_noise=noise(6, 3, 2), effort=0.1), batch(effort=0.1)
    policy, rolled = driven(one)
    np.testing.assert_array_equal(rolled.torques, policy.torques)
    for t in range(6):
        felt = policy.torques[t] + one.motor_noise[t]
        np.testing.assert_array_equal(rolled.states[t + 1], push(rolled.states[t], felt))
        np.testing.assert_array_equal(policy.seen[t], both(one.goals[t], rolled.states[t]))
    np.testing.assert_array_equal(residuals(rolled, one)[:, -1], residuals(driven(quiet)[1], quiet)[:, -1])


def test_residuals_are_the_weighted_errors_at_each_rows_checks():
    one = batch(checks=3, effort=0.1)
    _, rolled = driven(one)
    values = residuals(rolled, one)
    assert values.shape == (3, 3 * 4 + 1)
    for row in range(3):
        for number, step in enumerate(one.checks[row]):
            error = (rolled.states[step, row] - one.wanted[row, number]) * tensor([3.0, 3.0, 0.3, 0.3])
            np.testing.assert_array_equal(values[row, 4 * number : 4 * number + 4], error)


@pytest.mark.parametrize("effort", [0.0, 0.2])
def test_the_last_residual_squared_is_the_effort_of_the_row(effort):
    one = batch(effort=effort)
    policy, rolled = driven(one)
    expected = effort * (policy.torques.numpy() ** 2).sum(axis=(0, 2))
    np.testing.assert_allclose(residuals(rolled, one)[:, -1] ** 2, expected, rtol=1e-12, atol=2e-12)


def test_no_torque_at_all_has_an_effort_with_a_finite_gradient():
    one = batch(effort=0.2)
    torques = torch.zeros(6, 3, 2, dtype=torch.float64, requires_grad=True)
    values = residuals(roll_out(Recorder(torques), push, both, one), one)
    (slope,) = torch.autograd.grad(values[:, -1].sum(), torques)
    assert torch.equal(slope, torch.zeros_like(slope))


@pytest.mark.parametrize("arm", ["two_link", "three_link"])
@pytest.mark.parametrize("delay", [0, 2])
def test_the_gradient_of_residuals_agrees_with_finite_differences(arm, delay):
    model = PlanarArm(arm, 0.05)
    n = model.joints
    one = batch(joints=n, delay=delay, effort=0.05, sensor_noise=0.1 * noise(6, 3, 2 * n),
                motor_noise=0.1 * noise(6, 3, n))  # fmt: skip
    policy = RecurrentPolicy(3 * n, 5, n)
    policy.reset(torch.Generator().manual_seed(2), 0.5)

    def values():
        return residuals(roll_out(policy, partial(torch_plant.step, model), both, one), one)

    u = noise(*values().shape, seed=3)
    slope = flatten(torch.autograd.grad((u * values()).sum(), list(policy.parameters())))
    here, h = flatten(p.detach() for p in policy.parameters()), 1e-6
    for number in range(len(here)):
        ends = []
        for sign in (1, -1):
            moved = here.clone()
            moved[number] += sign * h
            put(moved, policy)
            with torch.no_grad():
                ends.append(float((u * values()).sum()))
        assert slope[number] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-7)
