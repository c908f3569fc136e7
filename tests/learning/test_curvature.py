"""Curvature: the Jacobian and the products with it against torch's own differentiation."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from control_bench.dynamics import torch_plant
from control_bench.dynamics.planar_arm import PlanarArm
from control_bench.learning.curvature import Products, flatten, jacobian, put, split
from control_bench.learning.recurrent import RecurrentPolicy
from control_bench.learning.through_plant import Movements, residuals, roll_out

pytestmark = pytest.mark.usefixtures("one_thread")


def policy(inputs=6, units=4, outputs=2, seed=0):
    made = RecurrentPolicy(inputs, units, outputs)
    made.reset(torch.Generator().manual_seed(seed), 0.5)
    with torch.no_grad():  # biases too, which begin at zero
        for name, one in made.named_parameters():
            if name.endswith("bias"):
                one.copy_(torch.linspace(-0.3, 0.4, one.numel()))
    return made


def through_the_arm(rows=3, steps=4, delay=1):
    """Residuals of a policy that drives an arm for a few steps, as training has them."""
    arm, rng = PlanarArm("two_link", 0.05), np.random.default_rng(1)
    tensor = partial(torch.as_tensor, dtype=torch.float64)
    batch = Movements(
        starts=tensor(rng.uniform(-1, 1, (rows, 4))), goals=tensor(rng.uniform(-1, 1, (steps, rows, 2))),
        checks=torch.as_tensor(rng.integers(1, steps + 1, (rows, 2))), wanted=tensor(rng.uniform(-1, 1, (rows, 2, 4))),
        weights=tensor([3.0, 3.0, 0.3, 0.3]), effort=0.02, sensor_noise=tensor(rng.normal(0, 0.1, (steps, rows, 4))),
        motor_noise=tensor(rng.normal(0, 0.1, (steps, rows, 2))), delay=delay,
    )  # fmt: skip
    observe = lambda goal, state: torch.cat([goal, state], dim=1)  # noqa: E731
    return lambda module: residuals(roll_out(module, partial(torch_plant.step, arm), observe, batch), batch)


def by_torch(module, make):
    """The residuals and their Jacobian in the flat variables, by reverse mode, one residual after the other."""

    def values(vector):
        variables = split(vector, module)
        return make(lambda *inputs: functional_call(module, variables, inputs)).reshape(-1)

    here = flatten(one.detach() for one in module.parameters())
    return values(here).detach(), torch.autograd.functional.jacobian(values, here)


def draw(size, seed=0):
    return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("rows", "steps", "delay"), [(3, 4, 1), (1, 6, 0), (5, 2, 0)])
def test_the_jacobian_through_the_arm_is_torchs(rows, steps, delay):
    module, make = policy(), through_the_arm(rows, steps, delay)
    values, slopes = jacobian(module, make)
    expected, exact = by_torch(module, make)
    assert values.shape == (rows, 9) and not values.requires_grad
    np.testing.assert_allclose(values.reshape(-1), expected, rtol=1e-12)
    assert slopes.shape == exact.shape and exact.abs().max() > 0.1
    np.testing.assert_allclose(slopes, exact, rtol=1e-9, atol=1e-12)


def test_the_jacobian_leaves_the_module_as_it_was():
    module, make = policy(), through_the_arm()
    before = flatten(one.detach() for one in module.parameters()).clone()
    first = jacobian(module, make)[1]
    np.testing.assert_array_equal(jacobian(module, make)[1], first)  # nothing is left hooked
    assert not any(layer._forward_hooks for layer in module.modules())
    assert torch.equal(flatten(one.detach() for one in module.parameters()), before)

    def fail(module):
        make(module)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jacobian(module, fail)
    assert not any(layer._forward_hooks for layer in module.modules())


def test_products_are_those_with_the_jacobian():
    module, make = policy(), through_the_arm()
    products, (_, exact) = Products(module, make), by_torch(module, make)
    shape, p = products.values.shape, exact.shape[1]
    for seed in range(3):  # the reverse pass is kept, and serves again
        v, u = draw(p, seed), draw(shape, seed)
        np.testing.assert_allclose(products.along(v), (exact @ v).reshape(shape), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(products.transposed(u), exact.T @ u.reshape(-1), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(products.gauss_newton(v), exact.T @ (exact @ v), rtol=1e-9, atol=1e-11)


def test_products_have_the_residuals_beside_them():
    module, make = policy(), through_the_arm()
    np.testing.assert_array_equal(Products(module, make).values.detach(), make(module).detach())


def test_products_leave_the_variables_as_they_were():
    module, make = policy(), through_the_arm()
    before = flatten(one.detach() for one in module.parameters()).clone()
    Products(module, make).gauss_newton(draw(len(before)))
    assert torch.equal(flatten(one.detach() for one in module.parameters()), before)
    assert all(one.grad is None for one in module.parameters())


class Scaled(nn.Module):
    """A layer and a variable of its own beside it."""

    def __init__(self):
        super().__init__()
        self.layer, self.scale = nn.Linear(2, 3), nn.Parameter(torch.ones(3))
        self.double()

    def forward(self, inputs):
        return self.scale * self.layer(inputs)


def test_the_jacobian_refuses_variables_outside_linear_layers():
    inputs = draw((4, 2))
    with pytest.raises(TypeError, match="Scaled has variables outside its nn.Linear layers"):
        jacobian(Scaled(), lambda module: module(inputs))


def test_products_take_variables_outside_linear_layers():
    module, inputs = Scaled(), draw((4, 2))
    make = lambda module: torch.tanh(module(inputs))  # noqa: E731
    products, (_, exact) = Products(module, make), by_torch(module, make)
    v = draw(exact.shape[1])
    np.testing.assert_allclose(products.gauss_newton(v), exact.T @ (exact @ v), rtol=1e-10, atol=1e-12)


# What a layer hears of itself has no part in the first step.
def first_step(module):
    return module(draw((3, 6)), None)[0]


def test_the_jacobian_of_variables_that_nothing_depends_on_is_zero():
    module = policy()
    slopes = jacobian(module, first_step)[1]
    for name, total in split(slopes.abs().sum(dim=0), module).items():
        assert bool((total > 0).any()) != name.startswith("again"), name


def test_products_take_variables_that_nothing_depends_on():
    module = policy()
    products, slopes = Products(module, first_step), jacobian(module, first_step)[1]
    u, v = draw((3, 2)), draw(slopes.shape[1])
    np.testing.assert_allclose(products.along(v).reshape(-1), slopes @ v, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(products.transposed(u), slopes.T @ u.reshape(-1), rtol=1e-10, atol=1e-12)


def test_split_names_and_shapes_a_vector_as_the_variables_and_put_writes_it():
    module = policy()
    size = sum(one.numel() for one in module.parameters())
    vector = torch.arange(size, dtype=torch.float64)
    parts = split(vector, module)
    assert {name: part.shape for name, part in parts.items()} == {
        name: one.shape for name, one in module.named_parameters()
    }
    np.testing.assert_array_equal(flatten(parts.values()), vector)
    put(vector, module)
    np.testing.assert_array_equal(flatten(one.detach() for one in module.parameters()), vector)
    vector += 1.0  # the module has a copy
    np.testing.assert_array_equal(flatten(one.detach() for one in module.parameters()), vector - 1.0)
