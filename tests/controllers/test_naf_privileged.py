"""NAF whose values are learned of a state that only a simulation knows: what learns of what, by differences, and
that what acts learns to."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from playing import Beam, drawn, numeric_gradient

from control_bench.controllers.actor import Actor
from control_bench.controllers.base import Transitions
from control_bench.controllers.naf import NAF, NAFSettings
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import load
from control_bench.learning.networks import get_variables, set_variables
from control_bench.learning.training import LearnerTrainer
from control_bench.plan import make_plan
from control_bench.registry import make_env, make_vector_env

SEEN = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 8.0], np.float32))
STATES = spaces.Box(-1.0, 1.0, (3,), np.float32)
ACTIONS = spaces.Box(np.array([-1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32))
TINY = dict(hidden=(3,), activation="tanh", clip_gradient=0.0, learning_rate=0.01, batch=8, replay=60, learn_start=20)

pytestmark = pytest.mark.usefixtures("one_thread")


def naf(seed=0, state_space=STATES, observations=SEEN, actions=ACTIONS, **settings):
    settings = NAFSettings(**TINY | {"privileged": True} | settings)
    return NAF(observations, actions, settings, seed=seed, state_space=state_space)


def steps(count, seed=7, seen_seed=8):
    """Random steps; what is observed is drawn apart from all else."""
    rng, other = np.random.default_rng(seed), np.random.default_rng(seen_seed)
    state, here = drawn(rng, STATES, 2), drawn(other, SEEN, 2)
    for _ in range(count):
        ahead, there, no = drawn(rng, STATES, 2), drawn(other, SEEN, 2), np.zeros(2, bool)
        action, reward, ended = drawn(rng, ACTIONS, 2), rng.normal(size=2), rng.random(2) < 0.1
        yield Transitions(here, action, reward, there, ended, no, ~no, state)
        state, here = ahead, there


def feed(learner, count, **seeds):
    for step in steps(count, **seeds):
        learner.learn(step)
    return learner


def same(one, other):
    return all(np.array_equal(value, other[name]) for name, value in one.items())


def variables(learner, name):
    return get_variables(learner.networks[name])


def bold(learner, seed=5):
    """Variables, and the target's, that are not small."""
    rng = np.random.default_rng(seed)
    for network in (*learner.networks.values(), learner.targets["network"]):
        told = {name: value.astype(float) + rng.normal(0.0, 0.5, value.shape) for name, value in variables_of(network)}
        set_variables(network, {name: value.astype(np.float32) for name, value in told.items()})
    return learner


def variables_of(network):
    return [(name, value) for name, value in get_variables(network).items() if not name.startswith("encoder.")]


def sampled(learner):
    return learner.look_ahead(learner.replay.sample(8, np.random.default_rng(0), wanted=learner.wanted))


def test_values_are_of_going_on_as_the_actor_does():
    learner = bold(feed(naf(learn_start=1000), 40))
    batch = sampled(learner)
    np.testing.assert_array_equal(batch.next_action, learner.greedy(batch.next_observation))

    def q_value(network, state, action):
        with torch.no_grad():
            return network.q_value(torch.as_tensor(state), torch.as_tensor(action)).numpy()

    following = (batch.next_action - [1.0, 3.0]) / [2.0, 1.0]
    ahead = q_value(learner.targets["network"], batch.next_state, following.astype(np.float32)).min(axis=0)
    unit = ((batch.action - [1.0, 3.0]) / [2.0, 1.0]).astype(np.float32)
    error = batch.reward + batch.ahead * ahead - q_value(learner.networks["network"], batch.state, unit)
    best = learner.targets["network"].value(torch.as_tensor(batch.next_state)).detach().numpy().min(axis=0)
    assert np.abs(best - ahead).max() > 0.1 and len(set(batch.ahead)) == 2  # some steps end an episode
    np.testing.assert_allclose(learner.learn_from(batch)[0].detach(), error.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_values_are_learned_of_states_and_never_of_what_is_seen():
    learner = feed(naf(learn_start=1000), 40)
    batch = sampled(learner)
    elsewhere = {name: getattr(batch, name)[::-1].copy() for name in ("observation", "next_observation")}
    before = learner.get_state()
    learner.learn_from(batch)
    one = variables(learner, "network")
    learner.set_state(before)
    learner.learn_from(replace(batch, **elsewhere))
    assert same(one, variables(learner, "network"))
    learner.set_state(before)
    learner.learn_from(replace(batch, state=batch.state[::-1].copy()))
    assert not same(one, variables(learner, "network"))


def test_the_actor_climbs_the_parabola_of_the_state():
    learner = feed(naf(learn_start=1000), 40)  # its optimisers have no memory yet, which would be of single precision
    for network in learner.networks.values():
        network.double()
    batch = learner.replay.sample(8, np.random.default_rng(0), wanted=("observation", "state"))
    batch = replace(batch, state=batch.state.astype(np.float64), observation=batch.observation.astype(np.float64))
    actor, judge = learner.networks["actor"], learner.networks["network"]
    before = get_variables(actor)

    def loss(values):
        set_variables(actor, values)
        with torch.no_grad():
            action = actor(torch.as_tensor(batch.observation))
            return -float(judge.q_value(torch.as_tensor(batch.state), action)[0].mean())

    expected = numeric_gradient(loss, before)
    set_variables(actor, before)
    learner.learn_to_act(batch)
    for name, parameter in actor.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), expected[name], rtol=1e-5, atol=1e-8)
        assert not np.array_equal(get_variables(actor)[name], before[name]), name


def test_what_acts_takes_one_step_for_so_many_of_the_values():
    learner = feed(naf(actor_every=3, learn_start=1000), 40)
    moved = {"network": [], "actor": []}
    for _ in range(7):
        before = {name: variables(learner, name) for name in moved}
        learner.update()
        for name, seen in moved.items():
            seen.append(not same(before[name], variables(learner, name)))
    assert moved["network"] == [True] * 7
    assert moved["actor"] == [update % 3 == 0 for update in range(7)]


def test_the_policy_is_the_actor_which_knows_no_state():
    learner, other = feed(naf(), 40), naf(seed=1)
    assert set(learner.get_policy()) == {"actor"}
    judge = variables(other, "network")
    other.set_policy(learner.get_policy())
    seen = drawn(np.random.default_rng(3), SEEN, 5)
    np.testing.assert_array_equal(other.greedy(seen), learner.greedy(seen))
    assert same(judge, variables(other, "network"))


@pytest.mark.parametrize("preprocess", ["standardise", "whiten"])
def test_each_network_takes_the_measure_of_what_it_sees(preprocess):
    learner = feed(naf(preprocess=preprocess), 21)
    seen, states = learner.networks["actor"].encoder, learner.networks["network"].encoder
    assert seen.shift.shape == (2,) and states.shift.shape == (3,)
    assert seen.shift[1] > 2.5 and states.shift.abs().max() < 0.5  # the middles of 0..8 and of -1..1
    np.testing.assert_array_equal(states.shift, learner.targets["network"].encoder.shift)


@pytest.mark.parametrize("n_step", [1, 3])
def test_a_state_taken_over_learns_on_exactly(n_step):
    one, other = feed(naf(n_step=n_step), 30), naf(seed=1, n_step=n_step)
    other.set_state(one.get_state())
    for learner in (one, other):
        feed(learner, 20, seed=10)
    for name in ("network", "actor"):
        assert same(variables(one, name), variables(other, name))


def test_values_are_learned_in_the_mirror_and_actions_as_they_were():
    plan = make_plan("balance", "naf", assignments={
        "observation": "pixels", "size": 12, "filters": [2], "hidden": [4], "batch": 16, "learn_start": 20,
        "privileged": True, "mirror": True, "reward_scale": 1.0, "learning_rate": 1e-3,
    })  # fmt: skip
    task = plan.make_task(2)
    learner, envs, told = plan.make_controller(task, 3), make_vector_env("balance", 2, **plan.task_settings), []
    look_ahead, learn_from, learn_to_act = learner.look_ahead, learner.learn_from, learner.learn_to_act
    learner.look_ahead = lambda batch: told.append([look_ahead(batch)]) or told[-1][0]
    learner.learn_from = lambda batch: told[-1].append(batch) or learn_from(batch)
    learner.learn_to_act = lambda batch: told[-1].append(batch) or learn_to_act(batch)
    here, info = envs.reset(seed=1)
    ended = np.zeros(2, bool)
    for _ in range(30):
        action = learner.explore(here)
        there, reward, terminated, truncated, ahead = envs.step(action)
        learner.learn(Transitions(here, action, reward, there, terminated, truncated, ~ended, info["state"]))
        here, info, ended = there, ahead, terminated | truncated
    assert len(told) > 10
    for was, shown, acted in told:
        assert acted is was
        np.testing.assert_array_equal(shown.observation, was.observation)
        which = [
            next(k for k in range(8) if np.array_equal(task.symmetries.observations(was.state, np.full(16, k))[row],
                                                       shown.state[row]))
            for row in range(16)
        ]  # fmt: skip
        np.testing.assert_array_equal(task.symmetries.observations(was.next_state, np.array(which)), shown.next_state)
        for name in ("action", "next_action"):
            mirrored = task.symmetries.actions(getattr(was, name), np.array(which))
            np.testing.assert_array_equal(mirrored, getattr(shown, name))
        assert len(set(which)) > 3


def test_training_on_pictures_resumes_exactly(tmp_path):
    plan = make_plan("balance", "naf", "pixels", assignments={
        "size": 12, "filters": [2], "hidden": [4], "batch": 8, "learn_start": 20, "replay": 40, "rows": 2, "history": 2,
        "evaluate_rows": 2, "task.longest": 30,
    })  # fmt: skip

    def policy(out, *lengths):
        for length in lengths:
            trainer = LearnerTrainer.of(plan, out, {}, 3)
            if (out / "last.pt").is_file():
                trainer.resume()
            trainer.run(length)
        return load(out / "last.pt")["policy"]["actor"]

    at_once, in_two = policy(tmp_path / "one", 90), policy(tmp_path / "two", 37, 53)
    assert same(at_once, in_two) and not same(at_once, policy(tmp_path / "other", 60))


def test_it_learns_to_act_by_what_it_sees():
    # The point's place is seen twice as large, and beside a number that means nothing.
    def seen(x):
        return np.concatenate([2.0 * x, 4.0 + 4.0 * np.sin(50.0 * x)], axis=1).astype(np.float32)

    place, move = spaces.Box(-1, 1, (1,), np.float32), spaces.Box(-1, 1, (1,), np.float32)
    learner = naf(0, place, actions=move, hidden=(32,), activation="relu", clip_gradient=10.0, learning_rate=3e-3,
                  batch=32, replay=2000, learn_start=200, discount=0.9, noise_start=0.5)  # fmt: skip

    def score():
        env, total = Beam(40, 123, "continuous"), 0.0
        while not env.ended.all():
            total += env.step(learner.greedy(seen(env.x))).reward.mean()
        return total

    before, env = score(), Beam(4, 0, "continuous")
    for _ in range(500):
        step = env.step(learner.explore(seen(env.x)))
        shown = {"observation": seen(step.observation), "next_observation": seen(step.next_observation)}
        learner.learn(replace(step, state=step.observation, **shown))
    assert before < -4.0 and score() > -1.6


def test_to_learn_while_it_drives_is_refused_in_one_line():
    with pytest.raises(
        BadInput, match="NAF learns of a state that nobody tells while it drives: .*`control-bench train`"
    ):
        Actor(naf(), learning=True)
    Actor(naf(privileged=False), learning=True)


def test_a_task_whose_state_is_observed_is_refused_in_one_line():
    with pytest.raises(BadInput, match="privileged: the task has no state but what is observed: set privileged to"):
        naf(state_space=None)
    plan = make_plan("balance", "naf", assignments={"privileged": True})
    with pytest.raises(BadInput, match="privileged"):
        plan.make_controller(plan.make_task())


def test_the_state_of_pictures_is_the_poses_of_the_same_episodes():
    settings = dict(actions="continuous", size=12)
    envs = make_vector_env("balance", 2, observation="pixels", **settings)
    alone = [make_env("balance", **settings) for _ in range(2)]
    _, info = envs.reset(seed=5)
    poses = np.stack([env.reset(seed=5 + row)[0] for row, env in enumerate(alone)])
    np.testing.assert_array_equal(info["state"], poses)
    for step in range(5):
        action = np.array([[0.3, -0.2], [0.1 * step, 0.5]], np.float32)
        info = envs.step(action)[-1]
        poses = np.stack([env.step(action[row])[0] for row, env in enumerate(alone)])
        np.testing.assert_array_equal(info["state"], poses)
    assert "state" not in make_vector_env("balance", 1).reset(seed=1)[1]
