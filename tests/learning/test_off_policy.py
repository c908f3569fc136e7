"""What learners from a replay share: a loss that is no number, seeds, states and policies taken over, and refusals."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from playing import drawn, feed, play

from control_bench.controllers.base import Transitions
from control_bench.controllers.ddpg import DDPG
from control_bench.controllers.dqn import DQN
from control_bench.controllers.naf import NAF
from control_bench.errors import BadInput
from control_bench.learning.networks import get_variables

BOUNDS = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 8.0], np.float32))
PUSHES = spaces.Box(np.array([-1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32))
ACTIONS = {DQN: spaces.Discrete(3), NAF: PUSHES, DDPG: PUSHES}
WITH_NOISE = {"noise": "ou"}  # which has a state
OWN = {DQN: {}, NAF: WITH_NOISE, DDPG: WITH_NOISE | {"smoothing": 0.2, "actor_every": 2}}
TINY = dict(hidden=(3,), activation="tanh", learning_rate=0.01, batch=8, replay=50, learn_start=20, update_every=2)
SEEN = drawn(np.random.default_rng(1), BOUNDS, 6)
OFTEN = {"priority": 0.6, "n_step": 3}

LEARNERS = pytest.mark.parametrize("learner_class", ACTIONS, ids=lambda one: one.__name__)
pytestmark = pytest.mark.usefixtures("one_thread")


def make(learner_class, seed=0, **settings):
    settings = learner_class.Settings(**TINY | OWN[learner_class] | settings)
    return learner_class(BOUNDS, ACTIONS[learner_class], settings, seed=seed)


def trained(learner_class, seed, **settings):
    learner = make(learner_class, seed, **settings)
    play(learner, 60)
    return learner


def flat(networks):
    return np.concatenate([value.ravel() for one in networks.values() for value in get_variables(one).values()])


@LEARNERS
@pytest.mark.parametrize("reward", [np.inf, np.nan])
def test_a_loss_that_is_no_number_is_told_with_the_mend(learner_class, reward):
    learner = make(learner_class, learn_start=10**6)
    feed(learner, 5)
    seen, no, yes = np.zeros((1, 2), np.float32), np.array([False]), np.array([True])
    action = drawn(np.random.default_rng(0), learner.action_space, 1)
    for _ in range(40):
        learner.learn(Transitions(seen, action, np.array([reward]), seen, no, no, yes))
    before = flat(learner.networks)
    with pytest.raises(BadInput, match=r"the loss is (inf|nan) .*lower learning_rate \(0.01\)") as caught:
        learner.update()
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(flat(learner.networks), before)


@LEARNERS
@pytest.mark.parametrize("settings", [{}, OFTEN | {"preprocess": "whiten"}], ids=str)
def test_one_seed_gives_one_training_and_another_seed_another(learner_class, settings):
    one, again, other = (trained(learner_class, seed, **settings) for seed in (4, 4, 5))
    assert one.updates > 30
    np.testing.assert_array_equal(flat(one.networks), flat(again.networks))
    assert not np.allclose(flat(one.networks), flat(other.networks))


@LEARNERS
def test_global_generators_are_left_alone_and_do_not_matter(learner_class):
    torch.manual_seed(1)
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()
    one = trained(learner_class, 1)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), numpy_before, strict=True))
    torch.manual_seed(2)
    np.testing.assert_array_equal(flat(one.networks), flat(trained(learner_class, 1).networks))


@LEARNERS
@pytest.mark.parametrize("settings", [{}, OFTEN, {"preprocess": "standardise"}], ids=str)
@pytest.mark.parametrize("steps", [5, 40])  # before learning has begun, and after
def test_a_state_taken_over_learns_on_exactly(learner_class, settings, steps):
    learner, other = (make(learner_class, seed, **settings) for seed in (1, 2))
    play(learner, steps)
    other.set_state(learner.get_state())
    play(learner, 30, seed=8), play(other, 30, seed=8)
    np.testing.assert_array_equal(flat(other.networks), flat(learner.networks))
    np.testing.assert_array_equal(flat(other.targets), flat(learner.targets))
    assert learner.updates == other.updates > 5


@LEARNERS
def test_a_state_taken_over_learns_on_exactly_from_pictures(learner_class):
    # A convolution's weights lie in memory in another order than their numbers are told in.
    pictures = spaces.Box(0, 255, (12, 12, 6), np.uint8)
    settings = learner_class.Settings(**TINY | OWN[learner_class] | {"filters": (2,)})
    learner, other = (learner_class(pictures, ACTIONS[learner_class], settings, seed=seed) for seed in (1, 2))
    play(learner, 40)
    other.set_state(learner.get_state())
    play(learner, 30, seed=8), play(other, 30, seed=8)
    np.testing.assert_array_equal(flat(other.networks), flat(learner.networks))


@LEARNERS
@pytest.mark.parametrize("preprocess", ["bounds", "standardise", "whiten"])
def test_a_policy_taken_over_acts_the_same_and_keeps_the_measure_that_it_came_with(learner_class, preprocess):
    learner = trained(learner_class, 1, preprocess=preprocess)
    other = make(learner_class, 2, preprocess=preprocess, learn_start=10**6)
    before = flat({name: other.networks[name] for name in other.acting})
    other.set_policy(learner.get_policy())
    np.testing.assert_array_equal(other.greedy(SEEN), learner.greedy(SEEN))
    theirs = learner.acting_networks()
    assert not np.array_equal(before, flat(theirs))
    feed(other, 20)
    other.update()
    for name, network in other.acting_networks().items():
        for key, value in network.encoder.state_dict().items():
            np.testing.assert_array_equal(value, theirs[name].encoder.state_dict()[key])
    for name, network in other.networks.items():  # what the policy does not hold takes its own
        if name not in other.acting and preprocess != "bounds":
            assert np.abs(get_variables(network)["encoder.shift"]).max() > 0.1


@LEARNERS
def test_wrong_spaces_are_refused_with_the_mend(learner_class):
    discrete = learner_class is DQN
    wrong = {"encoder": (spaces.MultiDiscrete([3]), ACTIONS[learner_class])}
    if discrete:
        wrong["actions: discrete"] = BOUNDS, PUSHES
    else:
        wrong["actions: continuous"] = BOUNDS, spaces.Discrete(5)
        wrong["finite"] = BOUNDS, spaces.Box(-np.inf, np.inf, (2,))
    for mend, given in wrong.items():
        with pytest.raises(BadInput, match=f"{learner_class.__name__} can't be used here: .*{mend}") as caught:
            learner_class(*given)
        assert "\n" not in str(caught.value)
