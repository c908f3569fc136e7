"""Deep Q-learning: its update by hand and by finite differences, its target network, its seeds, and that it learns."""

import numpy as np
import pytest
from gymnasium import spaces
from playing import Beam, feed, numeric_gradient, record, score, train

from control_bench.controllers.base import Transitions
from control_bench.controllers.dqn import DQN, DQNSettings
from control_bench.errors import BadInput
from control_bench.learning.networks import get_variables, seeded, set_variables

BOUNDS = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 8.0], np.float32))
TINY = dict(hidden=(3,), activation="tanh", optimiser="sgd", learning_rate=0.1, clip_gradient=0.0, batch=8, replay=50)


pytestmark = pytest.mark.usefixtures("one_thread")


def dqn(seed=0, **settings):
    return DQN(BOUNDS, spaces.Discrete(3), DQNSettings(**TINY | settings), seed=seed)


def with_another_target(learner):
    """Gives the target network other weights than the trained one's, so that mixing the two up shows."""
    other = seeded(lambda: type(learner)(BOUNDS, spaces.Discrete(3), learner.settings, seed=99), 0)
    set_variables(learner.targets["network"], get_variables(other.networks["network"]))
    return learner


def forward(variables, observation):
    """The network in numpy, in double precision."""
    v = {name: value.astype(np.float64) for name, value in variables.items()}
    x = (observation - [0.0, 4.0]) / [2.0, 4.0]
    if "body.0.weight" in v:
        x = np.tanh(x @ v["body.0.weight"].T + v["body.0.bias"])
    q = x @ v["advantages.weight"].T + v["advantages.bias"]
    if "value.weight" in v:
        q = x @ v["value.weight"].T + v["value.bias"] + q - q.mean(axis=1, keepdims=True)
    return q


def loss(variables, frozen, target_variables, batch, settings):
    """The loss in numpy; `frozen`: the weights by which double Q-learning picks, through which no gradient goes."""
    each = np.arange(len(batch.action))
    ahead = forward(target_variables, batch.next_observation)
    best = (forward(frozen, batch.next_observation) if settings.double else ahead).argmax(axis=1)
    error = forward(variables, batch.observation)[each, batch.action]
    error = error - (batch.reward + batch.ahead * ahead[each, best])
    huber = np.where(np.abs(error) < 1.0, 0.5 * error**2, np.abs(error) - 0.5)
    return (batch.weight * (huber if settings.loss == "huber" else error**2)).mean()


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("terminated", [True, False])
def test_one_update_of_a_linear_network_is_the_hand_computed_one(double, terminated):
    learner = dqn(hidden=(), double=double, loss="squared", discount=0.5, learn_start=10**6)
    weight = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], np.float32)
    network, target = learner.networks["network"], learner.targets["network"]
    set_variables(network, {"advantages.weight": weight, "advantages.bias": np.zeros(3, np.float32)})
    set_variables(target, {"advantages.weight": -2 * weight, "advantages.bias": np.float32([0.0, 0.0, 0.5])})
    # Scaled by the bounds, the observations are (0.5, -1) and (1, 0.5).
    first, second = np.array([[1.0, 0.0]], np.float32), np.array([[2.0, 6.0]], np.float32)
    for here, there, action in ((first, second, 1), (second, first, 0)):
        no, yes = np.array([False]), np.array([True])
        learner.learn(Transitions(here, np.array([action]), np.array([3.0]), there, np.array([terminated]), no, yes))
    learner.update()
    # Ahead the network says (1, .5, 0), the target (-2, -1, .5): double takes the target's -2, plain its best, .5.
    ahead = 0.0 if terminated else 0.5 * (-2.0 if double else 0.5)
    error = -1.0 - (3.0 + ahead)  # the network's value of action 1 is -1
    expected = weight.copy()
    expected[1] -= 0.1 * 2 * error * np.array([0.5, -1.0])
    after = get_variables(learner.networks["network"])
    np.testing.assert_allclose(after["advantages.weight"], expected, rtol=1e-6)
    np.testing.assert_allclose(after["advantages.bias"], [0.0, -0.1 * 2 * error, 0.0], rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"double": False},
        {"loss": "squared", "n_step": 3},
        {"dueling": True},
        {"dueling": True, "n_step": 2, "priority": 0.7, "importance": 0.5, "replay": 20},
        {"bootstrap_terminal": True, "double": False, "discount": 0.6},
    ],
)
def test_the_gradient_and_the_step_equal_finite_differences(settings):
    learner = with_another_target(dqn(learn_start=10**6, **settings))
    feed(learner, 30)
    if settings.get("priority"):  # priorities that differ, so that the weights do
        learner.replay.set_errors(np.arange(20), np.linspace(0.1, 3.0, 20))
    told = record(learner)
    before, target = get_variables(learner.networks["network"]), get_variables(learner.targets["network"])
    learner.update()
    expected = numeric_gradient(loss, before, before, target, told[0][0], learner.settings)
    after = get_variables(learner.networks["network"])
    for name, parameter in learner.networks["network"].named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), expected[name], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(after[name], before[name] - 0.1 * expected[name], rtol=1e-3, atol=1e-5)


def test_double_picks_by_the_trained_network_and_plain_by_the_target():
    learner = with_another_target(dqn(learn_start=10**6))
    feed(learner, 30)
    told = record(learner)
    learner.update()
    ahead = told[0][0].next_observation
    networks = learner.targets["network"], learner.networks["network"]
    theirs, ours = (forward(get_variables(one), ahead).argmax(axis=1) for one in networks)
    assert (theirs != ours).any()  # or the tests above could not tell one from the other


def test_each_gradient_is_clipped_to_its_largest_norm():
    free, clipped = (with_another_target(dqn(learn_start=10**6, clip_gradient=clip)) for clip in (0.0, 0.05))
    for learner in (free, clipped):
        feed(learner, 20)
        learner.update()
    norms = []
    for one, other in zip(free.networks["network"].parameters(), clipped.networks["network"].parameters(), strict=True):
        norms.append(float(one.grad.norm()))
        np.testing.assert_allclose(other.grad, one.grad * min(1.0, 0.05 / norms[-1]), rtol=1e-4, atol=1e-7)
    assert max(norms) > 0.05


def test_a_dueling_head_averages_advantages_over_the_actions_of_each_state():
    learner = dqn(dueling=True)
    states = np.random.default_rng(0).uniform([-2, 0], [2, 8], (16, 2)).astype(np.float32)
    together = learner.values(states)
    alone = np.concatenate([learner.values(one[None]) for one in states])
    np.testing.assert_allclose(together, alone, rtol=1e-5)  # averaged over a batch, states would change each other
    variables = get_variables(learner.networks["network"])
    body = {name: values for name, values in variables.items() if name.startswith("body")}
    head = {"advantages.weight": variables["value.weight"], "advantages.bias": variables["value.bias"]}
    value = forward(body | head, states)
    np.testing.assert_allclose(together.mean(axis=1), value[:, 0], rtol=1e-4)


def test_a_hard_target_update_copies_every_so_many_updates():
    learner = with_another_target(dqn(learn_start=10**6, target_every=3))
    feed(learner, 20)
    old = get_variables(learner.targets["network"])
    for update in (1, 2, 3):
        learner.update()
        want = get_variables(learner.networks["network"]) if update == 3 else old
        for name, value in get_variables(learner.targets["network"]).items():
            np.testing.assert_array_equal(value, want[name])


def test_a_soft_target_update_moves_a_share_of_the_way():
    learner = with_another_target(dqn(learn_start=10**6, target_every=1, target_rate=0.25))
    feed(learner, 20)
    old = get_variables(learner.targets["network"])
    learner.update()
    new = get_variables(learner.networks["network"])
    for name, value in get_variables(learner.targets["network"]).items():
        np.testing.assert_allclose(value, 0.75 * old[name] + 0.25 * new[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows, steps, updates", [(1, 10, 0), (1, 11, 0), (1, 12, 1), (1, 30, 5), (8, 4, 6)])
def test_updates_begin_after_learn_start_and_come_every_update_every_steps(rows, steps, updates):
    learner = dqn(learn_start=10, update_every=4)
    feed(learner, steps, rows)
    assert learner.updates == updates and learner.steps == steps * rows


def test_steps_that_only_begin_an_episode_are_not_counted():
    learner = dqn(learn_start=0, update_every=1)
    feed(learner, 3)
    row = np.zeros((1, 2), np.float32)
    no = np.array([False])
    updates = learner.updates
    learner.learn(Transitions(row, np.array([0]), np.array([0.0]), row, no, no, no))
    assert learner.steps == 3 and learner.updates == updates > 0


def weights(learner):
    return np.concatenate([value.ravel() for value in get_variables(learner.networks["network"]).values()])


def trained(seed, **settings):
    learner = dqn(seed, learn_start=20, update_every=2, optimiser="adam", learning_rate=0.01, **settings)
    feed(learner, 100)
    return learner


def test_the_seed_alone_decides_the_draws_of_a_training():
    # Networks alike, seeds apart: the batches drawn differ, and so do the weights.
    one, other = (dqn(seed, learn_start=20, update_every=2) for seed in (4, 5))
    other.set_policy(one.get_policy())
    feed(one, 100), feed(other, 100)
    assert not np.allclose(weights(one), weights(other))


def test_a_seed_given_by_position_is_the_seed_of_the_network_too():
    by_position = DQN(BOUNDS, spaces.Discrete(3), DQNSettings(**TINY), 5)
    np.testing.assert_array_equal(weights(by_position), weights(dqn(5)))


def test_a_replay_smaller_than_an_episode_goes_on_past_its_end():
    # With one step remembered, that step may be one that only begins an episode, and is never to be drawn.
    learner = dqn(replay=1, batch=1, learn_start=0, update_every=1)

    class Counted:
        """The learner's generator, which gives up where it would draw for ever."""

        def __init__(self, rng):
            self.rng, self.draws = rng, 0

        def __getattr__(self, name):
            self.draws += 1
            assert self.draws < 10_000, "the replay draws for ever"
            return getattr(self.rng, name)

    learner.rng = Counted(learner.rng)
    row, no, yes = np.zeros((1, 2), np.float32), np.array([False]), np.array([True])
    for step in range(30):
        ends, valid = (yes if step % 5 == 3 else no), (no if step % 5 == 4 else yes)
        learner.learn(Transitions(row, np.array([0]), np.array([1.0]), row, ends, no, valid))
    assert learner.updates > 0


def test_learns_to_hold_a_point_in_the_middle():
    settings = DQNSettings(
        hidden=(24,), learning_rate=0.005, discount=0.9, batch=64, learn_start=100, update_every=8, target_every=40,
        explore_steps=1000, replay=4000,
    )  # fmt: skip
    learner = DQN(spaces.Box(-1, 1, (1,)), spaces.Discrete(3), settings, seed=0)
    untrained = score(learner)
    train(learner, Beam(8, 1), 300)
    assert score(learner) > untrained + 2.0 and score(learner) > -3.0


@pytest.mark.parametrize(
    "name, value",
    [("learning_rate", 0.0), ("batch", 0), ("hidden", (8, 0)), ("discount", 1.5), ("target_rate", 0.0),
     ("priority", 1.5), ("learn_start", -1), ("n_step", 0), ("replay", 0), ("clip_gradient", -1.0)],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(BadInput, match=name):
        DQNSettings(**{name: value})
