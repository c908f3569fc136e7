"""Proximal policy optimisation: its clip by hand, its gradient by finite differences, and when it stops."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from control_bench.controllers.ppo import PPO, PPOSettings, clipped
from control_bench.errors import BadInput
from control_bench.learning.networks import get_variables
from control_bench.learning.rollout import Steps, standardised

SQUARE = spaces.Box(-1, 1, (2,))
ACTIONS = {"discrete": spaces.Discrete(3), "continuous": spaces.Box(-1, 1, (2,))}
SMALL = dict(hidden=(4,), batch=30, epochs=1, minibatches=1, clip_gradient=0.0, learning_rate=1e-9)
BOTH = pytest.mark.parametrize("actions", ACTIONS)


pytestmark = pytest.mark.usefixtures("one_thread")


def ppo(actions="discrete", **settings):
    learner = PPO(SQUARE, ACTIONS[actions], PPOSettings(**SMALL | settings), seed=2)
    with torch.no_grad():
        learner.networks["policy"].head.weight *= 100.0
    return learner


def some_steps(learner, actions, count=30, moved=0.3):
    """Steps (count, 1) that each end an episode, drawn by a policy that was `moved` from the learner's."""
    rng = np.random.default_rng(0)
    here = rng.uniform(-1, 1, (count, 1, 2)).astype(np.float32)
    draw = rng.integers(0, 3, (count, 1)) if actions == "discrete" else rng.normal(0, 0.5, (count, 1, 2))
    draw = draw if actions == "discrete" else draw.astype(np.float32)
    with torch.no_grad():
        log_probability = learner.networks["policy"](torch.as_tensor(here[:, 0])).log_prob(torch.as_tensor(draw[:, 0]))
    log_probability = log_probability.numpy()[:, None] + moved * rng.normal(size=(count, 1)).astype(np.float32)
    yes = np.ones((count, 1), dtype=bool)
    return Steps(here, draw, log_probability, rng.normal(size=(count, 1)), here, yes, ~yes, yes)


@pytest.mark.parametrize(
    "ratio, advantage, gain, slope",
    [
        (1.0, 2.0, 2.0, 2.0),
        (1.1, 2.0, 2.2, 2.0),
        (1.5, 2.0, 2.4, 0.0),  # more probable than it may be: nothing is to be had
        (0.5, 2.0, 1.0, 2.0),  # less probable, though it was good: the way back is free
        (1.5, -2.0, -3.0, -2.0),  # more probable, though it was bad: the way back is free
        (0.5, -2.0, -1.6, 0.0),
    ],
)
def test_the_clip_by_hand(ratio, advantage, gain, slope):
    variable = torch.tensor(ratio, requires_grad=True)
    value = clipped(variable, torch.tensor(advantage), 0.2)
    value.backward()
    np.testing.assert_allclose([value.item(), variable.grad.item()], [gain, slope], rtol=1e-6)


@BOTH
def test_the_gradient_equals_finite_differences(actions):
    learner = ppo(actions, entropy_weight=0.1, value_weight=0.7, clip=0.2)
    steps = some_steps(learner, actions)
    networks = {name: get_variables(network) for name, network in learner.networks.items()}
    networks = {name: {k: v.astype(np.float64) for k, v in one.items()} for name, one in networks.items()}
    here, draw, before = steps.observation[:, 0].astype(float), steps.draw[:, 0], steps.log_probability[:, 0]

    def out(v):
        return np.tanh(here @ v["body.0.weight"].T + v["body.0.bias"]) @ v["head.weight"].T + v["head.bias"]

    # The episodes are of one step, so what a state is worth is what was earned in it.
    goal = steps.reward[:, 0]
    advantage = standardised(goal - out(networks["value"])[:, 0])

    def loss(networks):
        v, output = networks["policy"], out(networks["policy"])
        if actions == "discrete":
            every = output - np.log(np.exp(output).sum(axis=1, keepdims=True))
            log_probability, entropy = every[np.arange(30), draw], -(np.exp(every) * every).sum(axis=1)
        else:
            z = (draw - output) / np.exp(v["log_deviation"])
            log_probability = (-0.5 * z**2 - v["log_deviation"] - 0.5 * np.log(2 * np.pi)).sum(axis=1)
            entropy = (v["log_deviation"] + 0.5 * np.log(2 * np.pi * np.e)).sum()
        ratio = np.exp(log_probability - before)
        beyond = (ratio > 1.2) & (advantage > 0) | (ratio < 0.8) & (advantage < 0)
        assert 3 < beyond.sum() < 27
        gain = np.where(beyond, np.clip(ratio, 0.8, 1.2), ratio) * advantage
        error = out(networks["value"])[:, 0] - goal
        return (0.7 * error**2 - gain - 0.1 * entropy).mean()

    logged = learner.learn_from(steps)
    np.testing.assert_allclose(logged["loss"], loss(networks), rtol=1e-4)
    for which, network in learner.networks.items():
        for name, parameter in network.named_parameters():
            for place in np.ndindex(parameter.shape):
                sides = []
                for step in (1e-5, -1e-5):
                    moved = networks[which][name].copy()
                    moved[place] += step
                    sides.append(loss(networks | {which: networks[which] | {name: moved}}))
                slope = (sides[0] - sides[1]) / 2e-5
                np.testing.assert_allclose(parameter.grad[place], slope, rtol=2e-3, atol=2e-5)


@BOTH
def test_a_policy_that_has_not_moved_has_ratios_of_1(actions):
    learner = ppo(actions)
    logged = learner.learn_from(some_steps(learner, actions, moved=0.0))
    np.testing.assert_allclose(logged["kl"], 0.0, atol=1e-6)


def test_the_gradient_is_clipped_as_a_whole():
    free, short = ppo(), ppo(clip_gradient=0.01)
    for learner in (free, short):
        learner.learn_from(some_steps(learner, "discrete"))
    gradients = [
        torch.cat([p.grad.ravel() for network in one.networks.values() for p in network.parameters()])
        for one in (free, short)
    ]
    np.testing.assert_allclose(gradients[1], 0.01 * gradients[0] / gradients[0].norm(), rtol=1e-3, atol=1e-7)
    assert gradients[0].norm() > 0.01


def test_every_epoch_goes_through_the_whole_batch_in_parts_drawn_anew():
    parts = [part.numpy() for part in ppo(epochs=3, minibatches=4).parts(30)]
    assert len(parts) == 12 and {len(part) for part in parts} == {7, 8}
    epochs = [np.concatenate(parts[first : first + 4]) for first in (0, 4, 8)]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(30))
    assert not np.array_equal(epochs[0], epochs[1])


@pytest.mark.parametrize("target_kl", [0.0, 0.02])
def test_updates_end_where_the_policy_has_moved_too_far(target_kl):
    learner, made = ppo(epochs=40, learning_rate=0.02, target_kl=target_kl, clip=10.0), []
    descend = learner.descend
    learner.descend = lambda loss: made.append(loss) or descend(loss)
    logged = learner.learn_from(some_steps(learner, "discrete", moved=0.0))
    assert logged["kl"] > 0.02
    assert len(made) == 40 if not target_kl else 1 < len(made) < 40


@pytest.mark.parametrize(
    "name, value", [("clip", 0.0), ("entropy_weight", -0.1), ("value_weight", -0.1), ("target_kl", -1.0)]
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(BadInput, match=name):
        PPOSettings(**{name: value})
