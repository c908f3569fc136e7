"""Normalised advantage functions: the parabola by hand, its update by hand and by differences, and that it learns."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from playing import Beam, drawn, feed, numeric_gradient, play, record, score, train

from control_bench.controllers.base import Transitions
from control_bench.controllers.naf import NAF, STEEPEST, NAFSettings
from control_bench.errors import BadInput
from control_bench.learning.networks import get_variables, set_variables

BOUNDS = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 8.0], np.float32))
ACTIONS = spaces.Box(np.array([-1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32))
TINY = dict(hidden=(3,), activation="tanh", clip_gradient=0.0, learning_rate=0.01, batch=8, replay=50)

pytestmark = pytest.mark.usefixtures("one_thread")


def naf(seed=0, observations=BOUNDS, actions=ACTIONS, **settings):
    return NAF(observations, actions, NAFSettings(**TINY | settings), seed=seed)


def random_like(variables, size, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0.0, size, value.shape).astype(np.float32) for name, value in variables.items()}


def bold(learner, size=1.0):
    """Weights that are not small, so that the parabola lies anywhere and is steep."""
    set_variables(learner.networks["network"], random_like(variables_of(learner), size, 5))
    return learner


def with_another_target(learner):
    """Gives the target network other weights than the trained one's, so that mixing the two up shows."""
    set_variables(learner.targets["network"], random_like(variables_of(learner), 1.0, 8))
    return learner


def variables_of(learner):
    return get_variables(learner.networks["network"])


def weights(learner):
    return np.concatenate([value.ravel() for value in variables_of(learner).values()])


# The network in numpy, in double precision.


def trunks(variables, observation, settings):
    """What the trunks give (values + 2, batch, outputs)."""
    v = {name: value.astype(np.float64) for name, value in variables.items()}
    outs = []
    for trunk in range(settings.values + 2):
        x = (observation - [0.0, 4.0]) / [2.0, 4.0]
        for layer in range(len(settings.hidden) + 1):
            if layer:
                if settings.norm:
                    x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
                x = np.tanh(x)
            x = x @ v[f"trunks.weights.{layer}"][trunk] + v[f"trunks.biases.{layer}"][trunk]
        outs.append(x)
    return np.array(outs)


def parabola(variables, observation, settings):
    """V (values, batch), mu (batch, 2) and L (batch, 2, 2) of observations."""
    out = trunks(variables, observation, settings)
    shape = STEEPEST * np.tanh(out[-1] / STEEPEST)
    lower = np.zeros((len(observation), 2, 2))
    lower[:, 0, 0], lower[:, 1, 1], lower[:, 1, 0] = np.exp(shape[:, 0]), np.exp(shape[:, 1]), shape[:, 2]
    return out[: settings.values, :, 0], np.tanh(out[-2, :, :2]), lower


def q_values(variables, observation, unit, settings):
    value, mean, lower = parabola(variables, observation, settings)
    square = lower @ lower.transpose(0, 2, 1)
    off = unit - mean
    return value - 0.5 * np.einsum("bi,bij,bj->b", off, square, off)


def goals(variables, batch, settings):
    ahead = trunks(variables, batch.next_observation, settings)[: settings.values, :, 0].min(axis=0)
    return batch.reward + batch.ahead * ahead


def loss(variables, goal, batch, settings):
    unit = batch.action - [1.0, 3.0]
    unit = unit / [2.0, 1.0]
    error = q_values(variables, batch.observation, unit, settings) - goal
    huber = np.where(np.abs(error) < 1.0, 0.5 * error**2, np.abs(error) - 0.5)
    return (batch.weight * (huber if settings.loss == "huber" else error**2)).mean()


SEEN = drawn(np.random.default_rng(1), BOUNDS, 6)
UNITS = np.random.default_rng(2).uniform(-1, 1, (6, 2))


def q_value(learner, observation, unit):
    with torch.no_grad():
        return learner.networks["network"].q_value(torch.as_tensor(observation), torch.as_tensor(unit).float()).numpy()


SHAPES = [{}, {"norm": False}, {"hidden": ()}, {"hidden": (4, 3), "values": 1}, {"values": 3}]

# The parabola.


@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_the_value_of_an_action_is_the_states_less_a_parabola(settings):
    learner = bold(naf(**settings))
    expected = q_values(variables_of(learner), SEEN, UNITS, learner.settings)
    assert expected.shape == (learner.settings.values, 6) and np.ptp(expected) > 1.0
    np.testing.assert_allclose(q_value(learner, SEEN, UNITS), expected, rtol=1e-3, atol=1e-4)


def test_the_value_of_an_action_by_hand():
    learner = naf(hidden=(), values=1, norm=False)
    network = learner.networks["network"]
    blank = {name: np.zeros_like(value) for name, value in variables_of(learner).items()}
    bias = blank["trunks.biases.0"]
    shape = np.array([np.log(2.0), np.log(0.5), 1.5])  # L is (2, 0), (1.5, 0.5)
    bias[0, 0, 0], bias[1, 0, :2] = 7.0, np.arctanh([0.5, -0.5])
    bias[2, 0] = STEEPEST * np.arctanh(shape / STEEPEST)
    set_variables(network, blank)
    # Off the top by (0.5, 0.5): L transposed makes (1.75, 0.25) of it, whose square is 3.125.
    np.testing.assert_allclose(q_value(learner, SEEN[:1], np.array([[1.0, 0.0]])), [[7.0 - 0.5 * 3.125]], rtol=1e-5)
    assert learner.greedy(SEEN[:1])[0] == pytest.approx([2.0, 2.5])  # (0.5, -0.5) between the bounds


@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_the_top_of_the_parabola_is_the_best_action(settings):
    learner = bold(naf(**settings))
    top = (learner.greedy(SEEN) - [1.0, 3.0]) / [2.0, 1.0]
    at_top = q_value(learner, SEEN, top)
    np.testing.assert_allclose(at_top, parabola(variables_of(learner), SEEN, learner.settings)[0], rtol=1e-3, atol=1e-4)
    for way in ((0.1, 0.0), (-0.1, 0.0), (0.0, 0.1), (0.0, -0.1), (0.1, 0.1), (0.1, -0.1)):
        assert (q_value(learner, SEEN, top + way) < at_top).all()


@pytest.mark.parametrize("size", [1.0, 1000.0])
def test_the_parabola_is_as_steep_as_its_lower_triangle_and_no_steeper_than_it_may_be(size):
    # Bent the same way everywhere: three points along each axis and one across give it.
    learner = bold(naf(hidden=(), values=1), size)

    def q(unit):
        return q_value(learner, SEEN.astype(np.float64), np.tile(unit, (6, 1)))[0].astype(np.float64)

    zero, x, y = np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0])
    bend = [[q(a + b) - q(a) - q(b) + q(zero) for a in (x, y)] for b in (x, y)]
    square = -np.moveaxis(np.array(bend), -1, 0)
    lower = np.linalg.cholesky(square)  # which there is, for all bends are downwards
    diagonal = np.diagonal(lower, axis1=1, axis2=2)
    assert (diagonal > 0.9 * np.exp(-STEEPEST)).all() and (diagonal < 1.1 * np.exp(STEEPEST)).all()
    if size == 1.0:
        np.testing.assert_allclose(
            lower, parabola(variables_of(learner), SEEN, learner.settings)[2], rtol=0.02, atol=0.02
        )


def test_the_first_actions_are_about_the_middle():
    learner = NAF(BOUNDS, ACTIONS, NAFSettings())
    np.testing.assert_allclose(learner.greedy(SEEN), np.tile([1.0, 3.0], (6, 1)), atol=0.05)


# The update.


@pytest.mark.parametrize(("terminated", "truncated"), [(False, False), (True, False), (False, True)])
def test_one_update_is_the_hand_computed_one(terminated, truncated):
    learner = naf(hidden=(), norm=False, loss="squared", discount=0.5, learn_start=10**6)
    network, target = learner.networks["network"], learner.targets["network"]
    ours = {name: np.zeros_like(value) for name, value in variables_of(learner).items()}
    theirs = {name: value.copy() for name, value in ours.items()}
    ours["trunks.biases.0"][:, 0, 0] = [1.0, 3.0, 0.0, STEEPEST * np.arctanh(np.log(2.0) / STEEPEST)]  # L is (2, 1)
    theirs["trunks.biases.0"][:2, 0, 0] = [4.0, 2.0]
    set_variables(network, ours), set_variables(target, theirs)
    middle, action = np.array([[0.0, 4.0]], np.float32), np.array([[2.0, 3.0]], np.float32)  # (0.5, 0) of the bounds
    ends, told = (np.array([terminated]), np.array([truncated])), record(learner)
    for _ in range(2):
        learner.learn(Transitions(middle, action, np.array([1.0]), middle, *ends, np.array([True])))
    learner.update()
    # V of 1 and 3 less (2 * 0.5)^2 / 2; ahead, but for an end, is the least of the target's 4 and 2, by half.
    errors = np.array([0.5, 2.5]) - (1.0 if terminated else 1.0 + 0.5 * 2.0)
    np.testing.assert_allclose(told[0][1], np.full(8, -errors.mean()), rtol=1e-5)
    gradient = network.trunks.biases[-1].grad[:, 0].numpy()
    np.testing.assert_allclose(gradient[:2, 0], errors, rtol=1e-5)  # each is half of the mean, and squared
    # Q grows by L^2 (u - mu) = 2 with mu, and falls by L^2 (u - mu)^2 = 1 with the logarithm of L.
    by_shape = 1.0 - (np.log(2.0) / STEEPEST) ** 2
    np.testing.assert_allclose(gradient[2], [errors.sum() * 2.0, 0.0, 0.0], rtol=1e-5)
    np.testing.assert_allclose(gradient[3, :2], [-errors.sum() * by_shape, 0.0], rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"norm": False, "loss": "squared"},
        {"values": 3, "n_step": 3},
        {"values": 1, "n_step": 2, "priority": 0.7, "importance": 0.5, "replay": 20},
        {"bootstrap_terminal": True, "discount": 0.6, "hidden": (4, 3)},
    ],
    ids=str,
)
def test_the_gradient_and_the_step_equal_finite_differences(settings):
    learner = with_another_target(bold(naf(learn_start=10**6, **settings), 0.6))
    feed(learner, 30, ends=0.3)
    if settings.get("priority"):  # priorities that differ, so that the weights do
        learner.replay.set_errors(np.arange(20), np.linspace(0.1, 3.0, 20))
    told, before, target = record(learner), variables_of(learner), get_variables(learner.targets["network"])
    learner.update()
    batch = told[0][0]
    assert 0 < (batch.ahead == 0).sum() < 8 or settings.get("bootstrap_terminal")
    goal = goals(target, batch, learner.settings)
    expected = numeric_gradient(loss, before, goal, batch, learner.settings)
    after = variables_of(learner)
    for name, parameter in learner.networks["network"].named_parameters():
        gradient = parameter.grad.numpy()
        np.testing.assert_allclose(gradient, expected[name], rtol=2e-3, atol=2e-4)
        step = 0.01 * gradient / (np.abs(gradient) + 1e-8)  # Adam's first
        np.testing.assert_allclose(after[name], before[name] - step, rtol=1e-4, atol=1e-6)
    unit = (batch.action - [1.0, 3.0]) / [2.0, 1.0]
    error = goal - q_values(before, batch.observation, unit, learner.settings)
    np.testing.assert_allclose(told[0][1], error.mean(axis=0), rtol=1e-3, atol=1e-3)


def test_what_lies_ahead_is_valued_by_the_target_alone():
    learner = with_another_target(bold(naf(learn_start=10**6)))
    feed(learner, 30)
    told = record(learner)
    theirs, ours = get_variables(learner.targets["network"]), variables_of(learner)
    learner.update()
    batch = told[0][0]
    assert np.abs(goals(theirs, batch, learner.settings) - goals(ours, batch, learner.settings)).max() > 0.1
    values = trunks(theirs, drawn(np.random.default_rng(1), BOUNDS, 200), learner.settings)[:2, :, 0]
    assert set(values.argmin(axis=0)) == {0, 1}  # or the least would be the same one's everywhere
    assert all(parameter.grad is None for parameter in learner.targets["network"].parameters())


def test_the_gradient_is_clipped_as_a_whole():
    free, clipped = (bold(naf(learn_start=10**6, clip_gradient=clip)) for clip in (0.0, 0.05))
    for learner in (free, clipped):
        feed(learner, 20)
        learner.update()
    whole, cut = (
        np.concatenate([parameter.grad.numpy().ravel() for parameter in learner.networks["network"].parameters()])
        for learner in (free, clipped)
    )
    assert np.linalg.norm(whole) > 0.1
    np.testing.assert_allclose(cut, whole * 0.05 / np.linalg.norm(whole), rtol=1e-3, atol=1e-7)


def test_the_target_moves_a_share_of_the_way():
    learner = with_another_target(naf(learn_start=10**6, target_rate=0.25))
    feed(learner, 20)
    old = get_variables(learner.targets["network"])
    learner.update()
    new = variables_of(learner)
    for name, value in get_variables(learner.targets["network"]).items():
        np.testing.assert_allclose(value, 0.75 * old[name] + 0.25 * new[name], rtol=1e-5, atol=1e-6)


def test_the_target_moves_every_so_many_updates():
    learner = with_another_target(naf(learn_start=10**6, target_rate=1.0, target_every=3))
    feed(learner, 20)
    old = get_variables(learner.targets["network"])
    for update in (1, 2, 3):
        learner.update()
        want = variables_of(learner) if update == 3 else old
        for name, value in get_variables(learner.targets["network"]).items():
            np.testing.assert_array_equal(value, want[name])


# That it learns.


def test_learns_to_hold_a_point_in_the_middle():
    settings = NAFSettings(
        hidden=(24,), learning_rate=0.005, discount=0.9, batch=64, learn_start=100, update_every=4, target_rate=0.05,
        replay=4000,
    )  # fmt: skip
    learner = NAF(spaces.Box(-1, 1, (1,)), spaces.Box(-1, 1, (1,)), settings, seed=0)
    untrained = score(learner)
    train(learner, Beam(8, 1, "continuous"), 200)
    assert score(learner) > untrained + 2.0 and score(learner) > -2.0


def test_works_on_pictures():
    pictures = spaces.Box(0, 255, (16, 16, 3), np.uint8)
    learner = naf(observations=pictures, filters=(4,), learn_start=10, hidden=(8,))
    first = weights(learner)
    play(learner, 15)
    assert learner.updates > 5 and np.abs(weights(learner) - first).max() > 1e-3
    seen = np.stack([np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)])
    actions = learner.greedy(seen)
    assert actions.shape == (2, 2) and (actions[0] != actions[1]).all() and ACTIONS.contains(actions[0])


def test_learns_from_pictures_that_are_moved_and_refuses_to_move_anything_else():
    pictures = spaces.Box(0, 255, (16, 16, 3), np.uint8)
    learner = naf(observations=pictures, filters=(4,), learn_start=10**6, shift=3)
    feed(learner, 20)
    seen, told, learn_from = [], record(learner), learner.learn_from
    learner.learn_from = lambda batch: seen.append(batch) or learn_from(batch)
    learner.update()
    for name in ("observation", "next_observation"):
        drawn_one, shown = getattr(told[0][0], name), getattr(seen[0], name)
        assert shown.shape == drawn_one.shape and (shown != drawn_one).any()
    np.testing.assert_array_equal(seen[0].action, told[0][0].action)
    with pytest.raises(BadInput, match="shift: .* set shift to 0"):
        naf(shift=1)


def test_curves_tell_of_noise_losses_and_norms():
    learner = naf(learn_start=10)
    assert learner.metrics()["updates"] == 0
    play(learner, 10)
    metrics = learner.metrics()
    assert metrics.keys() >= {"noise", "updates", "loss", "q_value", "norm/gradient/trunks.weights.0"}
    assert all(isinstance(value, int | float) and np.isfinite(value) for value in metrics.values())


# What it refuses.


def test_upright_is_refused_where_there_are_no_poses():
    with pytest.raises(BadInput, match="upright is for poses"):
        naf(preprocess="upright")


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": 0.0}, {"values": 0}, {"hidden": (8, 0)}, {"batch": 0}, {"discount": 1.5}, {"target_rate": 0.0},
     {"shift": -1}, {"noise_start": -1.0}, {"noise_return": 0.0}, {"filters": (0,)}, {"clip_gradient": -1.0}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        NAFSettings(**wrong)
