"""What on-policy learners share: what is drawn and remembered, advantages by hand, seeds, states taken over, refusals,
and that each of them learns."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from playing import Beam, score, train

from control_bench.controllers.base import Transitions
from control_bench.controllers.natural_pg import NaturalPG
from control_bench.controllers.ppo import PPO, PPOSettings
from control_bench.controllers.reinforce import Reinforce
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import load, save
from control_bench.learning.networks import get_variables, seeded
from control_bench.learning.policy import Policy, draw
from control_bench.learning.rollout import Steps, advantages, standardised

LINE = spaces.Box(-1, 1, (1,))
ACTIONS = {"discrete": spaces.Discrete(3), "continuous": spaces.Box(-1, 1, (1,))}
SMALL = {
    Reinforce: dict(hidden=(8,), episodes=5, baseline="linear"),
    NaturalPG: dict(hidden=(8,), batch=40, epochs=2, minibatches=2),
    PPO: dict(hidden=(8,), batch=40, epochs=2, minibatches=2, learning_rate=0.003),
}
LEARNERS = pytest.mark.parametrize("learner_class", SMALL, ids=lambda one: one.__name__)
BOTH = pytest.mark.parametrize("actions", ACTIONS)


pytestmark = pytest.mark.usefixtures("one_thread")


def make(learner_class, actions="discrete", seed=0, **settings):
    settings = learner_class.Settings(**SMALL[learner_class] | settings)
    return learner_class(LINE, ACTIONS[actions], settings, seed=seed)


def weights(learner):
    variables = [get_variables(network) for network in learner.networks.values()]
    return np.concatenate([value.ravel() for one in variables for value in one.values()])


def some_policy(action_space):
    """A small policy that is sure of some actions."""
    encoder = torch.nn.Identity()
    encoder.width = 2
    policy = seeded(lambda: Policy(encoder, action_space, (), "tanh", 0.4), 3)
    with torch.no_grad():
        policy.head.weight.normal_(generator=torch.Generator().manual_seed(1))
    return policy


def test_draws_of_discrete_actions_are_as_frequent_as_they_are_probable():
    here = torch.tensor([[1.0, -0.5], [0.0, 2.0]])
    with torch.no_grad():
        distribution = some_policy(spaces.Discrete(4))(here)
    rng = np.random.default_rng(0)
    draws = np.array([draw(distribution, rng).numpy() for _ in range(4000)])
    for row in range(2):
        shares = np.bincount(draws[:, row], minlength=4) / len(draws)
        np.testing.assert_allclose(shares, distribution.probs[row], atol=0.03)


def test_draws_of_numbers_are_normal_and_their_log_probability_is_by_hand():
    policy = some_policy(spaces.Box(-1, 1, (2,)))
    here = torch.tensor([[1.0, -0.5]]).expand(5000, 2)
    with torch.no_grad():
        distribution = policy(here)
        drawn = draw(distribution, np.random.default_rng(0))
        mean = policy.head(here).numpy()
    np.testing.assert_allclose(drawn.mean(dim=0), mean[0], atol=0.02)
    np.testing.assert_allclose(drawn.std(dim=0), 0.4, atol=0.02)
    z = (drawn.numpy() - mean) / 0.4
    expected = (-0.5 * z**2 - np.log(0.4) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    np.testing.assert_allclose(distribution.log_prob(drawn), expected, rtol=1e-4, atol=1e-4)


def test_actions_are_clipped_to_the_space_and_the_draw_is_remembered_as_it_was():
    space = spaces.Box(np.array([[0.0], [-4.0]], np.float32), np.array([[1.0], [2.0]], np.float32))
    learner = PPO(LINE, space, PPOSettings(deviation=3.0, hidden=(4,)))
    here = np.linspace(-1, 1, 60, dtype=np.float32)[:, None]
    action = learner.explore(here)
    assert action.shape == (60, 2, 1) and action.dtype == space.dtype
    assert all(space.contains(one) for one in action)
    no, yes = np.zeros(60, dtype=bool), np.ones(60, dtype=bool)
    learner.learn(Transitions(here, action, np.zeros(60), here, no, no, yes))
    steps = learner.rollout.take()
    assert (np.abs(steps.draw) > 1.0).mean() > 0.4  # two in three are beyond one of the bounds
    unit = np.clip(steps.draw[0], -1, 1)
    np.testing.assert_allclose(action[:, :, 0], [0.5, -1.0] + np.array([0.5, 3.0]) * unit, rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        expected = learner.networks["policy"](torch.as_tensor(here)).log_prob(torch.as_tensor(steps.draw[0]))
    np.testing.assert_allclose(steps.log_probability[0], expected, rtol=1e-6)


def test_discrete_actions_begin_where_the_space_does():
    learner = PPO(LINE, spaces.Discrete(3, start=5))
    here = np.zeros((200, 1), np.float32)
    assert set(learner.explore(here)) == {5, 6, 7} and set(learner.greedy(here)) <= {5, 6, 7}


@BOTH
def test_greedy_is_the_most_probable_action(actions):
    learner = make(PPO, actions)
    with torch.no_grad():
        learner.networks["policy"].head.bias += torch.tensor([0.1, 0.5, -0.2][: 3 if actions == "discrete" else 1])
    here = np.array([[0.3], [-0.7]], np.float32)
    expected = learner.networks["policy"](torch.as_tensor(here))
    if actions == "discrete":
        np.testing.assert_array_equal(learner.greedy(here), [1, 1])
    else:
        np.testing.assert_allclose(learner.greedy(here), expected.mean.detach().numpy())


def steps_of(reward, terminated=(), truncated=(), invalid=()):
    """Steps (steps, rows) with rewards; the others are places (step, row)."""
    reward = np.array(reward, dtype=float)
    flags = np.zeros((3, *reward.shape), dtype=bool)
    for flag, places in zip(flags, (terminated, truncated, invalid), strict=True):
        for place in places:
            flag[place] = True
    nothing = np.zeros((*reward.shape, 1), np.float32)
    return Steps(nothing, nothing, reward, reward, nothing, flags[0], flags[1], ~flags[2])


def test_advantages_by_hand():
    # Four rows: one goes on, one terminates, one is truncated, one is cut off by a step that only began an episode.
    steps = steps_of(
        [[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, np.nan], [4.0, np.nan, np.nan, 4.0]],
        terminated=[(1, 1)], truncated=[(1, 2)], invalid=[(2, 1), (2, 2), (1, 3)],
    )  # fmt: skip
    value = np.full((3, 4), 10.0)
    ahead = np.array([[20.0] * 4, [30.0] * 4, [40.0] * 4])
    got = advantages(steps, value, ahead, discount=0.5, gae_lambda=0.5)
    goes_on, ends, cut_short = 2.0 + 15.0 - 10.0, 2.0 - 10.0, 2.0 + 15.0 - 10.0
    last = 4.0 + 20.0 - 10.0
    first = 1.0 + 10.0 - 10.0
    expected = [
        [first + 0.25 * (goes_on + 0.25 * last), first + 0.25 * ends, first + 0.25 * cut_short, first],
        [goes_on + 0.25 * last, ends, cut_short, 0.0],
        [last, 0.0, 0.0, last],
    ]
    np.testing.assert_allclose(got, expected)


def test_advantages_with_lambda_1_are_returns_less_values():
    rng = np.random.default_rng(0)
    flags = rng.random((2, 30, 3)) < 0.1
    steps = Steps(*[rng.normal(size=(30, 3))] * 5, *flags, np.ones((30, 3), dtype=bool))
    value, elsewhere = rng.normal(size=(2, 30, 3))
    ahead = np.where(steps.truncated, elsewhere, np.vstack([value[1:], elsewhere[-1:]]))
    got = advantages(steps, value, ahead, 0.9, 1.0)
    for row in range(3):
        for first in range(30):
            total, share, step = 0.0, 1.0, first
            while True:
                total += share * steps.reward[step, row]
                share *= 0.9
                if steps.terminated[step, row]:
                    break
                if steps.truncated[step, row] or step == 29:
                    total += share * ahead[step, row]
                    break
                step += 1
            np.testing.assert_allclose(got[first, row], total - value[first, row], rtol=1e-9)


def test_standardised_values_have_mean_0_and_spread_1_and_equal_ones_are_0():
    values = standardised(np.array([1.0, 2.0, 6.0]))
    np.testing.assert_allclose([values.mean(), values.std()], [0.0, 1.0], atol=1e-7)
    np.testing.assert_array_equal(standardised(np.full(3, 2.0)), 0.0)


@LEARNERS
@BOTH
def test_one_seed_gives_one_training_and_another_seed_another(learner_class, actions):
    one, again, other = (train(make(learner_class, actions, seed), Beam(4, 1, actions), 60) for seed in (4, 4, 5))
    assert one.updates > 1
    np.testing.assert_array_equal(weights(one), weights(again))
    assert not np.allclose(weights(one), weights(other))


@LEARNERS
def test_the_seed_alone_decides_the_draws_of_a_training(learner_class):
    one, other = make(learner_class, seed=4), make(learner_class, seed=5)
    other.set_state(one.get_state() | {"rng": other.rng.bit_generator.state})
    train(one, Beam(4, 1), 60), train(other, Beam(4, 1), 60)
    assert not np.allclose(weights(one), weights(other))


@LEARNERS
def test_global_generators_are_left_alone_and_do_not_matter(learner_class):
    torch.manual_seed(1)
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()
    one = train(make(learner_class, "continuous"), Beam(4, 1, "continuous"), 40)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), numpy_before, strict=True))
    torch.manual_seed(2)
    np.testing.assert_array_equal(
        weights(train(make(learner_class, "continuous"), Beam(4, 1, "continuous"), 40)), weights(one)
    )


@LEARNERS
@BOTH
@pytest.mark.parametrize("steps", [0, 33])
def test_a_state_taken_over_learns_on_exactly(learner_class, actions, steps, tmp_path):
    settings = dict(preprocess="standardise")
    learner = make(learner_class, actions, 1, **settings)
    env = Beam(4, 1, actions, longest=[12, 5, 9, 3])
    train(learner, env, steps)
    action = learner.explore(env.x)  # taken over between what it does and what it is told of that
    save(tmp_path / "state.pt", learner.get_state())
    other = make(learner_class, actions, 2, **settings)
    train(other, Beam(4, 9, actions), 20)
    other.set_state(load(tmp_path / "state.pt"))
    transitions = env.step(action)
    for one in (learner, other):
        one.learn(transitions)
    for _ in range(60):
        actions_of_both = [one.explore(env.x) for one in (learner, other)]
        np.testing.assert_array_equal(*actions_of_both)
        transitions = env.step(actions_of_both[0])
        for one in (learner, other):
            one.learn(transitions)
    assert learner.updates == other.updates > 1
    np.testing.assert_array_equal(weights(other), weights(learner))


@LEARNERS
def test_steps_that_only_begin_an_episode_are_left_out(learner_class):
    one, other = make(learner_class), make(learner_class)
    env = Beam(4, 1, longest=[12, 5, 9, 3])
    for _ in range(60):
        action = one.explore(env.x)
        np.testing.assert_array_equal(other.explore(env.x), action)
        t = env.step(action)
        one.learn(t)
        other.learn(Transitions(**vars(t) | {"reward": np.where(t.valid, t.reward, np.nan)}))
    assert one.updates > 1
    np.testing.assert_array_equal(weights(one), weights(other))


def test_a_batch_is_so_many_steps_of_episodes():
    learner, env = make(PPO, batch=20), Beam(4, 1, longest=3)
    train(learner, env, 6)  # the fourth step only begins episodes
    assert learner.updates == 1 and len(learner.rollout) == 0
    train(learner, env, 1)
    assert len(learner.rollout) == 4


@LEARNERS
def test_encoders_take_their_measure_once_from_the_first_batch(learner_class):
    learner, env = make(learner_class, preprocess="standardise"), Beam(4, 1, longest=11)
    env.x = env.x + np.float32(3.0)
    seen = []
    while not learner.updates:
        seen.append(env.x)
        train(learner, env, 1)
    measures = [network.encoder.shift.item() for network in learner.networks.values()]
    np.testing.assert_allclose(measures, measures[0])
    if learner_class is not Reinforce:  # which leaves out the episodes that do not count
        np.testing.assert_allclose(measures[0], np.mean(seen), rtol=1e-5)
    train(learner, env, 60)
    assert [network.encoder.shift.item() for network in learner.networks.values()] == measures


def test_a_policy_that_is_learned_on_with_keeps_its_measure():
    learner, other = train(make(PPO, preprocess="standardise"), Beam(4, 1), 20), make(PPO, preprocess="standardise")
    other.set_policy(learner.get_policy())
    np.testing.assert_array_equal(other.greedy(np.zeros((1, 1))), learner.greedy(np.zeros((1, 1))))
    train(other, Beam(4, 2), 20)
    shifts = [one.networks["policy"].encoder.shift.item() for one in (learner, other)]
    assert shifts[0] == shifts[1] != other.networks["value"].encoder.shift.item() != 0.0


@LEARNERS
def test_metrics_tell_every_variable_and_its_gradient(learner_class):
    metrics = train(make(learner_class), Beam(4, 1), 40).metrics()
    assert metrics["updates"] > 0 and all(np.isfinite(value) for value in metrics.values())
    variables = {name.split("/")[-1] for name in metrics if name.startswith("norm/variable/")}
    assert variables == {name.split("/")[-1] for name in metrics if name.startswith("norm/gradient/")}
    assert len(variables) == (4 if learner_class is Reinforce else 8)


@LEARNERS
def test_pictures_are_learned_from(learner_class):
    space, settings = spaces.Box(0, 255, (16, 16, 3), np.uint8), SMALL[learner_class] | dict(filters=(4,))
    learner = learner_class(space, spaces.Discrete(2), learner_class.Settings(**settings))
    rng, before = np.random.default_rng(0), weights(learner)
    no, yes = np.zeros(20, dtype=bool), np.ones(20, dtype=bool)
    for step in range(4):
        here, there = rng.integers(0, 256, (2, 20, 16, 16, 3), dtype=np.uint8)
        learner.learn(Transitions(here, learner.explore(here), rng.random(20), there, no, yes if step % 2 else no, yes))
    assert learner.updates and np.isfinite(weights(learner)).all() and not np.allclose(weights(learner), before)


@LEARNERS
def test_a_reward_that_is_no_number_is_told_with_the_mend(learner_class):
    learner, env = make(learner_class), Beam(4, 1)
    with pytest.raises(BadInput, match="the loss is nan after 0 updates: lower .*learning_rate"):
        for _ in range(60):
            t = env.step(learner.explore(env.x))
            learner.learn(Transitions(**vars(t) | {"reward": np.full(4, np.nan)}))


FAST = {
    Reinforce: dict(hidden=(16,), episodes=16, learning_rate=0.02),
    NaturalPG: dict(hidden=(16,), batch=200, delta=0.05, epochs=5, minibatches=4, learning_rate=0.01, discount=0.9),
    PPO: dict(hidden=(16,), batch=200, epochs=4, minibatches=4, learning_rate=0.01, discount=0.9),
}


@LEARNERS
@BOTH
def test_learns_to_hold_a_point_in_the_middle(learner_class, actions):
    learner = make(learner_class, actions, **FAST[learner_class])
    untrained = score(learner)
    train(learner, Beam(16, 1, actions), 300)
    assert score(learner) > untrained + 2.0 and score(learner) > -3.0


@LEARNERS
@pytest.mark.parametrize(
    "observations, actions, mend",
    [
        (spaces.MultiDiscrete([3]), spaces.Discrete(3), "set another encoder"),
        (LINE, spaces.MultiDiscrete([3]), "actions: discrete"),
        (LINE, spaces.Box(-np.inf, 1, (2,)), "finite ones"),
    ],
)
def test_wrong_spaces_are_refused_with_the_mend(learner_class, observations, actions, mend):
    with pytest.raises(BadInput, match=f"{learner_class.__name__} can't be used here: .*{mend}"):
        learner_class(observations, actions)


@pytest.mark.parametrize(
    "name, value",
    [("learning_rate", 0.0), ("clip_gradient", -1.0), ("discount", 1.5), ("hidden", (8, 0)), ("deviation", 0.0),
     ("batch", 0), ("gae_lambda", 1.5), ("epochs", 0), ("minibatches", 0), ("minibatches", 10**6)],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(BadInput, match=name):
        PPOSettings(**{name: value})
