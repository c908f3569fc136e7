"""The natural policy gradient: Fisher's information and the step against their explicit forms, and the value."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from control_bench.controllers.natural_pg import NaturalPG, NaturalPGSettings, fisher
from control_bench.errors import BadInput
from control_bench.learning.curvature import flatten
from control_bench.learning.networks import get_variables
from control_bench.learning.rollout import Steps, standardised

SQUARE = spaces.Box(-1, 1, (2,))
ACTIONS = {"discrete": spaces.Discrete(3), "continuous": spaces.Box(-1, 1, (2,))}
SMALL = dict(hidden=(), batch=40, epochs=1, minibatches=1, clip_gradient=0.0, cg_iterations=50, cg_tolerance=1e-12)


pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.parametrize("actions", ACTIONS)]


def natural_pg(actions, **settings):
    """Its policy is sure of some actions."""
    learner = NaturalPG(SQUARE, ACTIONS[actions], NaturalPGSettings(**SMALL | settings), seed=2)
    with torch.no_grad():
        learner.networks["policy"].head.weight *= 100.0
    return learner


def some_steps(actions, count=40, seed=0):
    """Steps (count, 1) that each end an episode."""
    rng = np.random.default_rng(seed)
    here = rng.uniform(-1, 1, (count, 1, 2)).astype(np.float32)
    draw = rng.integers(0, 3, (count, 1)) if actions == "discrete" else rng.normal(size=(count, 1, 2))
    yes = np.ones((count, 1), dtype=bool)
    draw = draw if actions == "discrete" else draw.astype(np.float32)
    return Steps(here, draw, np.zeros((count, 1)), rng.normal(size=(count, 1)), here, yes, ~yes, yes)


def variables(learner):
    """All of the policy's in one (p,), in their order."""
    return flatten(one.detach() for one in learner.networks["policy"].parameters()).numpy().astype(np.float64)


def scores(learner, here, draw):
    """Slopes of the log-probabilities of draws in the policy's variables (batch, p), one by one."""
    policy, rows = learner.networks["policy"], []
    for one, drawn in zip(torch.as_tensor(here), torch.as_tensor(draw), strict=True):
        log_probability = policy(one[None]).log_prob(drawn[None]).sum()
        rows.append(flatten(torch.autograd.grad(log_probability, list(policy.parameters()))).numpy())
    return np.array(rows, dtype=np.float64)


def explicit_fisher(learner, actions, here):
    """The mean outer product of the scores, over what the policy would draw."""
    policy = learner.networks["policy"]
    if actions == "discrete":
        with torch.no_grad():
            probabilities = policy(torch.as_tensor(here)).probs.numpy().astype(np.float64)
        each = [scores(learner, here, np.full(len(here), action)) for action in range(3)]
        return sum(np.einsum("b,bi,bj->ij", p, s, s) for p, s in zip(probabilities.T, each, strict=True)) / len(here)
    # Of a normal distribution: the means' slopes weighed by 1 / deviation^2, and 2 for each log deviation itself.
    (name, log_deviation), *others = policy.named_parameters()
    assert name == "log_deviation"
    result = np.zeros((len(variables(learner)),) * 2)
    result[:2, :2] = 2.0 * np.eye(2)
    for one in torch.as_tensor(here):
        for mean, deviation in zip(policy(one[None]).mean[0], log_deviation.detach().exp(), strict=True):
            slope = flatten(torch.autograd.grad(mean, [one for _, one in others], retain_graph=True)).numpy()
            result[2:, 2:] += np.outer(slope, slope) / float(deviation) ** 2 / len(here)
    return result


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_products_are_those_of_the_explicit_fisher_information(actions, hidden):
    learner, steps = natural_pg(actions, hidden=hidden), some_steps(actions)
    here = steps.observation[:, 0]
    expected = explicit_fisher(learner, actions, here) + 0.1 * np.eye(len(variables(learner)))
    product = fisher(learner.networks["policy"], torch.as_tensor(here), 0.1)
    got = np.array([product(one).numpy() for one in torch.eye(len(expected))])
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("hidden, damping", [((), 0.01), ((), 1e-3), ((4,), 0.01)])
def test_the_step_is_the_explicit_one(actions, hidden, damping):
    learner = natural_pg(actions, hidden=hidden, delta=0.02, damping=damping)
    steps = some_steps(actions)
    before, here = variables(learner), steps.observation[:, 0]
    information = explicit_fisher(learner, actions, here) + damping * np.eye(len(before))
    better, _ = learner.judge(steps)
    gradient = (standardised(better)[:, None] * scores(learner, here, steps.draw[:, 0])).mean(axis=0)
    natural = np.linalg.solve(information, gradient)
    learner.learn_from(steps)
    expected = np.sqrt(0.02 / (gradient @ natural)) * natural
    np.testing.assert_allclose(variables(learner) - before, expected, rtol=5e-3, atol=2e-4)


def test_delta_is_about_twice_the_divergence(actions):
    learner, steps = natural_pg(actions, delta=1e-3, damping=1e-4), some_steps(actions)
    here = torch.as_tensor(steps.observation[:, 0])
    with torch.no_grad():
        before = learner.networks["policy"](here)
    learner.learn_from(steps)
    with torch.no_grad():
        after = learner.networks["policy"](here)
    divergence = torch.distributions.kl_divergence(before, after).mean()
    np.testing.assert_allclose(2 * divergence, 1e-3, rtol=0.1)


def test_what_was_all_as_good_as_expected_changes_nothing_of_the_policy(actions):
    learner, steps = natural_pg(actions), some_steps(actions)
    with torch.no_grad():
        learner.networks["value"].head.weight.zero_()
    before = variables(learner)
    learner.learn_from(Steps(**vars(steps) | {"reward": np.full((40, 1), 3.0)}))
    np.testing.assert_array_equal(variables(learner), before)


def test_the_value_is_fitted_to_what_was_earned_and_advantages_are_measured_from_it_before(actions):
    learner = natural_pg(actions, hidden=(16,), epochs=60, minibatches=4, learning_rate=0.02)
    steps = some_steps(actions)
    reward = 5.0 + 3.0 * steps.observation[:, :, 0]
    steps = Steps(**vars(steps) | {"reward": reward})
    value = learner.networks["value"](torch.as_tensor(steps.observation[:, 0])).detach().numpy()[:, 0]
    better, goal = learner.judge(steps)
    np.testing.assert_allclose(better, reward[:, 0] - value, rtol=1e-5)
    np.testing.assert_allclose(goal, reward[:, 0], rtol=1e-5)
    learner.learn_from(steps)
    value = learner.networks["value"](torch.as_tensor(steps.observation[:, 0])).detach().numpy()[:, 0]
    assert np.abs(value - reward[:, 0]).mean() < 0.3


def test_the_policy_has_no_part_in_the_optimiser(actions):
    learner = natural_pg(actions, delta=1e-12)
    before = get_variables(learner.networks["policy"])
    learner.learn_from(some_steps(actions))
    for name, value in get_variables(learner.networks["policy"]).items():
        np.testing.assert_allclose(value, before[name], atol=1e-4)


@pytest.mark.parametrize("name", ["delta", "damping", "cg_iterations", "cg_tolerance"])
def test_settings_out_of_range_are_refused(actions, name):
    with pytest.raises(BadInput, match=name):
        NaturalPGSettings(**{name: 0})
