"""Deep deterministic policy gradient: its two updates by hand and by differences, its seeds and states, and that it
learns."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from playing import Beam, drawn, feed, numeric_gradient, play, record, score, train

from control_bench.controllers.base import Transitions
from control_bench.controllers.ddpg import DDPG, NEARBY, DDPGSettings
from control_bench.errors import BadInput
from control_bench.learning.networks import get_variables, set_variables

BOUNDS = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 8.0], np.float32))
ACTIONS = spaces.Box(np.array([-1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32))
TINY = dict(hidden=(3,), activation="tanh", clip_gradient=0.0, learning_rate=0.01, actor_rate=0.02, batch=8, replay=50)
NAMES = ("actor", "critic")

pytestmark = pytest.mark.usefixtures("one_thread")


def ddpg(seed=0, observations=BOUNDS, actions=ACTIONS, **settings):
    return DDPG(observations, actions, DDPGSettings(**TINY | settings), seed=seed)


def bold(learner, size=0.7):
    """Weights that are not small, and other ones in the slow copies, so that mixing the two up shows."""
    rng = np.random.default_rng(9)
    for network in [*learner.networks.values(), *learner.targets.values()]:
        values = {n: rng.normal(0.0, size, v.shape).astype(np.float32) for n, v in get_variables(network).items()}
        set_variables(network, values)
    return learner


def variables_of(networks):
    return {name: get_variables(network) for name, network in networks.items()}


def flat(variables):
    return np.concatenate([value.ravel() for value in variables.values()])


def weights(learner, name=None):
    every = variables_of(learner.networks)
    return flat(every[name]) if name else np.concatenate([flat(one) for one in every.values()])


# Both networks in numpy, in double precision.


def trunks(variables, prefix, x, s):
    """What trunks give (count, batch, outputs) of features (batch, inputs)."""
    outs = []
    for one in range(len(variables[f"{prefix}.biases.0"])):
        out = x
        for layer in range(len(s.hidden) + 1):
            if layer:
                if s.norm:
                    out = (out - out.mean(axis=1, keepdims=True)) / np.sqrt(out.var(axis=1, keepdims=True) + 1e-5)
                out = np.tanh(out)
            weight, bias = (variables[f"{prefix}.{kind}.{layer}"][one].astype(float) for kind in ("weights", "biases"))
            out = out @ weight + bias
        outs.append(out)
    return np.array(outs)


def features(observation):
    return (observation - [0.0, 4.0]) / [2.0, 4.0]


def best(actor, observation, s):
    return np.tanh(trunks(actor, "trunk", features(observation), s)[0])


def q_values(critic, observation, unit, s):
    return trunks(critic, "trunks", np.concatenate([features(observation), unit], axis=1), s)[:, :, 0]


def unit_of(action):
    return (action - [1.0, 3.0]) / [2.0, 1.0]


def goals(targets, batch, s):
    ahead = batch.next_observation
    return batch.reward + batch.ahead * q_values(targets["critic"], ahead, best(targets["actor"], ahead, s), s).min(
        axis=0
    )


def critic_loss(critic, goal, batch, s):
    error = q_values(critic, batch.observation, unit_of(batch.action), s) - goal
    huber = np.where(np.abs(error) < 1.0, 0.5 * error**2, np.abs(error) - 0.5)
    return (batch.weight * (huber if s.loss == "huber" else error**2)).mean()


def actor_loss(actor, critic, batch, s):
    return -q_values(critic, batch.observation, best(actor, batch.observation, s), s)[0].mean()


SEEN = drawn(np.random.default_rng(1), BOUNDS, 6)
SHAPES = [{}, {"norm": False}, {"hidden": ()}, {"hidden": (4, 3), "critics": 1}, {"critics": 3}]

# The networks.


@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_actor_and_critics_are_perceptrons(settings):
    learner = bold(ddpg(**settings))
    s, variables = learner.settings, variables_of(learner.networks)
    np.testing.assert_allclose(unit_of(learner.greedy(SEEN)), best(variables["actor"], SEEN, s), atol=1e-4)
    unit = np.random.default_rng(2).uniform(-1, 1, (6, 2))
    with torch.no_grad():
        values = learner.networks["critic"](torch.as_tensor(SEEN), torch.as_tensor(unit).float()).numpy()
    expected = q_values(variables["critic"], SEEN, unit, s)
    assert expected.shape == (s.critics, 6) and np.ptp(expected) > 0.5
    np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-4)


def test_the_first_actions_are_about_the_middle():
    np.testing.assert_allclose(DDPG(BOUNDS, ACTIONS).greedy(SEEN), np.tile([1.0, 3.0], (6, 1)), atol=0.02)


def test_the_slow_copies_begin_as_what_they_follow():
    learner = ddpg()
    for name in NAMES:
        np.testing.assert_array_equal(flat(get_variables(learner.targets[name])), weights(learner, name))


def test_actions_may_have_any_shape():
    table = spaces.Box(np.full((2, 3), -4.0, np.float32), np.full((2, 3), 2.0, np.float32))
    learner = ddpg(actions=table, learn_start=3)
    feed(learner, 6)
    assert learner.updates == 3
    for actions in (learner.greedy(SEEN), learner.explore(SEEN)):
        assert actions.shape == (6, 2, 3) and all(table.contains(action) for action in actions)


# The updates.


@pytest.mark.parametrize(("terminated", "truncated"), [(False, False), (True, False), (False, True)])
def test_one_update_of_each_is_the_hand_computed_one(terminated, truncated):
    learner = ddpg(hidden=(), norm=False, loss="squared", discount=0.5, learn_start=10**6)
    blank = {n: {k: np.zeros_like(v) for k, v in w.items()} for n, w in variables_of(learner.networks).items()}
    ours, theirs = ({n: {k: v.copy() for k, v in w.items()} for n, w in blank.items()} for _ in range(2))
    # The features are 0, so that actions and biases are all there is.
    ours["critic"]["trunks.weights.0"][:, 2:, 0] = [[2.0, -1.0], [4.0, 0.0]]
    ours["critic"]["trunks.biases.0"][:, 0, 0] = [2.5, -0.5]
    ours["actor"]["trunk.biases.0"][0, 0] = np.arctanh([0.6, -0.8])
    theirs["critic"]["trunks.weights.0"][:, 2:, 0] = [[2.0, 0.0], [0.0, 2.0]]
    theirs["critic"]["trunks.biases.0"][:, 0, 0] = [4.0, 3.0]
    theirs["actor"]["trunk.biases.0"][0, 0] = np.arctanh([0.5, -0.5])
    for name in NAMES:
        set_variables(learner.networks[name], ours[name])
        set_variables(learner.targets[name], theirs[name])
    middle, action = np.array([[0.0, 4.0]], np.float32), np.array([[2.0, 3.0]], np.float32)  # (0.5, 0) of the bounds
    ends, told = (np.array([terminated]), np.array([truncated])), record(learner)
    for _ in range(2):
        learner.learn(Transitions(middle, action, np.array([1.0]), middle, *ends, np.array([True])))
    learner.update()
    # Values of 3.5 and 1.5; ahead, but for an end, is the least of the targets' 4 + 1 and 3 - 1, by half.
    errors = np.array([3.5, 1.5]) - (1.0 if terminated else 1.0 + 0.5 * 2.0)
    np.testing.assert_allclose(told[0][1], np.full(8, -errors.mean()), rtol=1e-5)
    critic, actor = learner.networks["critic"].trunks, learner.networks["actor"].trunk
    np.testing.assert_allclose(critic.biases[0].grad[:, 0, 0], errors, rtol=1e-5)  # each is half the mean, and squared
    np.testing.assert_allclose(
        critic.weights[0].grad[:, :, 0], errors[:, None] * [0.0, 0.0, 0.5, 0.0], rtol=1e-5, atol=1e-7
    )
    # The actor climbs the first critic, just after it took its step of 0.01 down: (2, -1) is (1.99, -1) then.
    by_tanh = 1.0 - np.array([0.6, -0.8]) ** 2
    np.testing.assert_allclose(actor.biases[0].grad[0, 0], -np.array([1.99, -1.0]) * by_tanh, rtol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"norm": False, "loss": "squared"},
        {"critics": 3, "n_step": 3},
        {"critics": 1, "n_step": 2, "priority": 0.7, "importance": 0.5, "replay": 20},
        {"bootstrap_terminal": True, "discount": 0.6, "hidden": (4, 3)},
    ],
    ids=str,
)
def test_the_gradients_and_the_steps_equal_finite_differences(settings):
    learner = bold(ddpg(learn_start=10**6, **settings))
    feed(learner, 30, ends=0.3)
    if settings.get("priority"):  # priorities that differ, so that the weights do
        learner.replay.set_errors(np.arange(20), np.linspace(0.1, 3.0, 20))
    told, s = record(learner), learner.settings
    before, targets = variables_of(learner.networks), variables_of(learner.targets)
    learner.update()
    batch, after = told[0][0], variables_of(learner.networks)
    goal = goals(targets, batch, s)
    assert np.abs(goal - goals(before, batch, s)).max() > 0.1  # the slow copies alone say what lies ahead
    expected = {
        "critic": numeric_gradient(critic_loss, before["critic"], goal, batch, s),
        "actor": numeric_gradient(actor_loss, before["actor"], after["critic"], batch, s),
    }
    rates = {"critic": 0.01, "actor": 0.02}
    for network in NAMES:  # of its own loss alone: neither's loss moves the other
        for name, parameter in learner.networks[network].named_parameters():
            gradient = parameter.grad.numpy()
            np.testing.assert_allclose(gradient, expected[network][name], rtol=2e-3, atol=2e-4)
            step = rates[network] * gradient / (np.abs(gradient) + 1e-8)  # Adam's first
            np.testing.assert_allclose(after[network][name], before[network][name] - step, rtol=1e-4, atol=1e-6)
    error = goal - q_values(before["critic"], batch.observation, unit_of(batch.action), s)
    np.testing.assert_allclose(told[0][1], error.mean(axis=0), rtol=1e-3, atol=1e-3)
    assert all(p.grad is None for target in learner.targets.values() for p in target.parameters())


def test_any_of_the_critics_can_be_the_least():
    learner = bold(ddpg())
    targets = variables_of(learner.targets)
    seen = drawn(np.random.default_rng(1), BOUNDS, 200)
    values = q_values(targets["critic"], seen, best(targets["actor"], seen, learner.settings), learner.settings)
    assert set(values.argmin(axis=0)) == {0, 1}  # or the tests above would show nothing


def test_the_actor_takes_one_step_for_so_many_of_the_critics():
    learner = bold(ddpg(learn_start=10**6, actor_every=3))
    feed(learner, 20)
    moved = {name: [] for name in NAMES}
    for _ in range(7):
        before = {name: weights(learner, name) for name in NAMES}
        learner.update()
        for name in NAMES:
            moved[name].append(not np.array_equal(weights(learner, name), before[name]))
    assert moved["critic"] == [True] * 7 and sum(moved["actor"]) in (2, 3)
    assert np.diff(np.flatnonzero(moved["actor"])).tolist() == [3] * (sum(moved["actor"]) - 1)


def test_the_actors_step_moves_no_critic():
    often, seldom = (bold(ddpg(learn_start=10**6, actor_every=every)) for every in (1, 2))
    for learner in (often, seldom):
        feed(learner, 20)
        for _ in range(2):
            learner.update()
    assert np.abs(weights(often, "actor") - weights(seldom, "actor")).max() > 1e-3
    np.testing.assert_array_equal(weights(often, "critic"), weights(seldom, "critic"))


@pytest.mark.parametrize(("smoothing", "size"), [(0.2, 0.2), (5.0, 0.7), (5.0, 4.0)])
def test_smoothing_tries_actions_nearby_and_within_their_bounds(smoothing, size):
    learner = bold(ddpg(learn_start=10**6, smoothing=smoothing, batch=400), size)
    feed(learner, 40)
    tried, target = [], learner.targets["critic"]
    target.register_forward_pre_hook(lambda module, given: tried.append([one.numpy() for one in given]))
    told, before, targets = record(learner), variables_of(learner.networks), variables_of(learner.targets)
    learner.update()
    ((ahead, action),) = tried
    s = learner.settings
    middle = best(targets["actor"], ahead, s)
    off = action - middle
    assert np.abs(action).max() <= 1.0 and np.abs(off).max() <= NEARBY + 1e-4
    assert np.abs(off).max() > min(NEARBY - 1e-3, 2.0 * smoothing) and off.min() < 0.0 < off.max()
    if size > 1.0:
        assert np.abs(action).max() == 1.0
    if smoothing < 1.0:
        inside = (np.abs(middle) < 0.5).all(axis=1)
        assert off[inside].std() == pytest.approx(smoothing, rel=0.15)
    batch, errors = told[0]
    goal = batch.reward + batch.ahead * q_values(targets["critic"], ahead, action, s).min(axis=0)
    values = q_values(before["critic"], batch.observation, unit_of(batch.action), s)
    np.testing.assert_allclose(errors, (goal - values).mean(axis=0), rtol=1e-3, atol=1e-2)


def test_without_smoothing_the_best_actions_themselves_are_tried():
    learner, tried = bold(ddpg(learn_start=10**6, target_every=10)), []
    feed(learner, 40)
    learner.targets["critic"].register_forward_pre_hook(lambda module, given: tried.append(given))
    learner.update()
    ((ahead, action),) = tried
    with torch.no_grad():
        np.testing.assert_array_equal(action.numpy(), learner.targets["actor"](ahead).numpy())


@pytest.mark.parametrize("name", NAMES)
def test_each_gradient_is_clipped_as_a_whole(name):
    # The critics learn next to nothing, so that the actor climbs the same ones in both.
    free, clipped = (bold(ddpg(learn_start=10**6, clip_gradient=clip, learning_rate=1e-12)) for clip in (0.0, 0.01))
    for learner in (free, clipped):
        feed(learner, 20)
        learner.update()
    whole, cut = (
        np.concatenate([parameter.grad.numpy().ravel() for parameter in learner.networks[name].parameters()])
        for learner in (free, clipped)
    )
    assert np.linalg.norm(whole) > 0.03
    np.testing.assert_allclose(cut, whole * 0.01 / np.linalg.norm(whole), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("every", [1, 3])
def test_both_targets_move_a_share_of_the_way(every):
    learner = bold(ddpg(learn_start=10**6, target_rate=0.25, target_every=every))
    feed(learner, 20)
    old = variables_of(learner.targets)
    for update in range(1, every + 1):
        learner.update()
        new, share = variables_of(learner.networks), 0.25 if update == every else 0.0
        for network, variables in variables_of(learner.targets).items():
            for name, value in variables.items():
                want = (1.0 - share) * old[network][name] + share * new[network][name]
                np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-6)


# Its policy.


def trained(seed, **settings):
    learner = ddpg(seed, learn_start=20, update_every=2, **settings)
    play(learner, 60)
    return learner


@pytest.mark.parametrize("preprocess", ["bounds", "standardise", "whiten"])
def test_a_policy_is_the_actor_and_acts_the_same(preprocess):
    learner, other = trained(1, preprocess=preprocess), ddpg(2, preprocess=preprocess)
    assert learner.get_policy().keys() == {"actor"}
    assert np.abs(other.greedy(SEEN) - learner.greedy(SEEN)).max() > 1e-3
    other.set_policy(learner.get_policy())
    np.testing.assert_array_equal(other.greedy(SEEN), learner.greedy(SEEN))
    np.testing.assert_array_equal(flat(get_variables(other.targets["actor"])), weights(learner, "actor"))


# That it learns.


@pytest.mark.parametrize("settings", [{}, {"smoothing": 0.1, "actor_every": 2}], ids=str)
def test_learns_to_hold_a_point_in_the_middle(settings):
    settings = DDPGSettings(
        hidden=(24,), learning_rate=0.005, actor_rate=0.001, discount=0.9, batch=64, learn_start=100, update_every=2,
        target_rate=0.05, replay=4000, noise_start=0.5, noise_end=0.5, **settings,
    )  # fmt: skip
    learner = DDPG(spaces.Box(-1, 1, (1,)), spaces.Box(-1, 1, (1,)), settings, seed=0)
    untrained = score(learner)
    train(learner, Beam(8, 1, "continuous"), 200)
    assert score(learner) > untrained + 2.0 and score(learner) > -2.0


def test_works_on_pictures():
    pictures = spaces.Box(0, 255, (16, 16, 3), np.uint8)
    learner = ddpg(observations=pictures, filters=(4,), learn_start=10, hidden=(8,))
    first = {name: weights(learner, name) for name in NAMES}
    play(learner, 15)
    assert learner.updates > 5
    assert all(np.abs(weights(learner, name) - first[name]).max() > 1e-3 for name in NAMES)
    seen = np.stack([np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)])
    actions = learner.greedy(seen)
    assert actions.shape == (2, 2) and (actions[0] != actions[1]).all() and ACTIONS.contains(actions[0])


def test_curves_tell_of_noise_losses_and_norms_of_both():
    learner = ddpg(learn_start=10)
    assert learner.metrics()["updates"] == 0
    play(learner, 10)
    metrics = learner.metrics()
    assert metrics.keys() >= {
        "noise", "updates", "loss", "q_value", "norm/gradient/actor.trunk.weights.0",
        "norm/gradient/critic.trunks.weights.0", "norm/variable/critic.trunks.biases.1",
    }  # fmt: skip
    assert all(isinstance(value, int | float) and np.isfinite(value) for value in metrics.values())


# What it refuses.


@pytest.mark.parametrize(
    "wrong",
    [{"actor_rate": 0.0}, {"critics": 0}, {"actor_every": 0}, {"smoothing": -0.1}, {"hidden": (8, 0)},
     {"learning_rate": 0.0}, {"batch": 0}, {"discount": 1.5}, {"target_rate": 0.0}, {"noise_start": -1.0},
     {"noise_return": 0.0}, {"filters": (0,)}, {"clip_gradient": -1.0}, {"updates": 0}, {"reward_scale": 0.0}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        DDPGSettings(**wrong)
