"""The Gymnasium environments: one row and many run the same episodes, and other people's learners take them."""

import json
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import control_bench  # noqa: F401  (registers the environments)
from control_bench.env import TaskVectorEnv
from control_bench.registry import TASKS, make_env, make_vector_env

NAMES = [f"control_bench/{name.title().replace('_', '')}-v0" for name in TASKS]
ROWS = 3
SETTINGS = [
    {"actions": "discrete"},
    {"actions": "continuous", "history": 3, "sensor_noise": True},
    {"encoder": "furthest", "reward": "forward", "history": 2},
    {"encoder": "ordering", "reward": "coarse_grid"},
    {"encoder": "standardised", "starts": "anywhere"},
]
QUICK = {"patience": 4, "max_steps": 40}


def ids(settings):
    return "-".join(str(value) for value in settings.values())


def action_of(space, seed, row, step):
    """A random action that depends on nothing but these; mostly forward, or rows would hardly ever drive."""
    rng = np.random.default_rng((seed, row, step))
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(rng.choice([0, 0, 1, 2]))
    return rng.uniform((-0.2, -1.0), (1.0, 1.0)).astype(np.float32)


# Gymnasium's own rules.


@pytest.mark.parametrize("name", NAMES)
def test_every_registered_environment_passes_gymnasiums_check(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Hints for learners, not faults: torques are in N m, and joints have no bounds.
        warnings.filterwarnings("ignore", ".*(normalized space|infinity)")
        check_env(gymnasium.make(name, disable_env_checker=True).unwrapped)


@pytest.mark.parametrize("actions", ["discrete", "continuous"])
@pytest.mark.parametrize("encoder", ["raw", "standardised", "ordering", "furthest"])
def test_every_encoder_and_kind_of_action_passes_gymnasiums_check(encoder, actions):
    env = gymnasium.make("control_bench/Drivebot-v0", encoder=encoder, actions=actions, history=2)
    check_env(env.unwrapped, skip_render_check=True)


@pytest.mark.parametrize("name", NAMES)
def test_make_vec_gives_the_compiled_rows(name):
    env = gymnasium.make_vec(name, num_envs=3, vectorization_mode="vector_entry_point")
    assert isinstance(env.unwrapped, TaskVectorEnv) and env.num_envs == 3
    assert isinstance(gymnasium.make_vec(name, num_envs=2).unwrapped, TaskVectorEnv)
    observations, _ = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    observations, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
    assert env.observation_space.contains(observations)
    assert rewards.shape == terminated.shape == truncated.shape == (3,)
    assert terminated.dtype == truncated.dtype == bool
    assert env.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.NEXT_STEP


def test_settings_reach_the_task_through_gymnasium():
    env = gymnasium.make("control_bench/Drivebot-v0", reward="forward", max_steps=7)
    assert (env.unwrapped.task.settings.reward, env.unwrapped.task.settings.max_steps) == ("forward", 7)
    env = gymnasium.make_vec("control_bench/Drivebot-v0", num_envs=2, encoder="furthest")
    assert env.single_observation_space == gymnasium.spaces.MultiDiscrete([3])


# One row and many.


def vector_run(steps, seed, **settings):
    """What each row of a vector environment gives: (steps + 1) observations, and rewards and endings of each step."""
    env = make_vector_env("drivebot", ROWS, **settings)
    observations, _ = env.reset(seed=seed)
    run = [(observations.copy(), None, None, None)]
    for step in range(steps):
        actions = np.array([action_of(env.single_action_space, seed, row, step) for row in range(ROWS)])
        run.append(tuple(np.copy(values) for values in env.step(actions)[:4]))
    return run


@pytest.mark.parametrize("settings", SETTINGS, ids=ids)
def test_a_row_of_many_replays_the_single_environments_episodes(settings):
    seed, steps, episodes = 70, 80, 0
    many = vector_run(steps, seed, **settings, **QUICK)
    for row in range(ROWS):
        env = make_env("drivebot", **settings, **QUICK)
        observation, info = env.reset(seed=seed + row)
        assert info["episode_seed"] == seed + row
        np.testing.assert_array_equal(many[0][0][row], observation)
        ended = False
        for step in range(steps):
            if ended:  # the step on which the row of many starts its next episode, its action ignored
                observation, _ = env.reset()
                reward, terminated, truncated, episodes = 0.0, False, False, episodes + 1
            else:
                action = action_of(env.action_space, seed, row, step)
                observation, reward, terminated, truncated, _ = env.step(action)
            ended = terminated or truncated
            observations, rewards, terminations, truncations = many[step + 1]
            np.testing.assert_array_equal(observations[row], observation)
            assert (rewards[row], terminations[row], truncations[row]) == (reward, terminated, truncated)
    assert episodes > ROWS  # there were following episodes to compare


def test_the_same_seed_gives_the_same_episodes_and_another_others():
    one, again, other = (vector_run(60, seed, **QUICK) for seed in (7, 7, 1007))
    for ours, theirs in zip(one, again, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[0][0], other[0][0])


@pytest.mark.parametrize("task", ["drivebot", "reach", "balance"])
def test_rows_that_play_one_episode_play_the_same_and_then_stay_out(task):
    short = {"drivebot": QUICK, "reach": {"leg_time": 0.1}, "balance": {}}[task]
    on, once = (make_vector_env(task, 4, **short) for _ in "ab")
    on.reset(seed=5), once.reset(seed=5, options={"once": True})
    moves, over, last = [], np.zeros(4, dtype=bool), {}
    world_step = once._rows.world.step

    def step(command, active=None):
        moves.append(np.ones(4, dtype=bool) if active is None else active.copy())
        world_step(command, active)

    once._rows.world.step = step
    on.action_space.seed(1)
    while not over.all():
        actions = on.action_space.sample()
        theirs, ours = on.step(actions), once.step(actions)
        np.testing.assert_array_equal(moves[-1], ~over)
        for their, our in zip(theirs[:4], ours[:4], strict=True):
            np.testing.assert_array_equal(our[~over], their[~over])
        assert not ours[1][over].any() and not (ours[2] | ours[3])[over].any()
        for row in np.flatnonzero(over):
            np.testing.assert_array_equal(ours[0][row], last[row])
        over |= ours[2] | ours[3]
        last = dict(enumerate(ours[0].copy()))
        assert len(moves) < 2000
    once.reset(seed=5)
    once.step(actions)
    assert moves[-1].all()  # the next reset plays on as always


def test_the_next_episodes_of_a_seed_differ_from_it_and_repeat_with_it():
    env = make_env("drivebot")
    seeds = [[env.reset(seed=3)[1]["episode_seed"], *(env.reset()[1]["episode_seed"] for _ in range(4))] for _ in "ab"]
    assert seeds[0] == seeds[1] and len(set(seeds[0])) == 5


def test_any_episode_can_be_had_again_by_its_own_seed():
    env = make_env("drivebot", sensor_noise=True)
    env.reset(seed=3)
    observation, info = env.reset()
    onward = [env.step(0)[0].tolist() for _ in range(3)]
    again, same = make_env("drivebot", sensor_noise=True).reset(seed=info["episode_seed"])
    assert again.tolist() == observation.tolist()
    np.testing.assert_array_equal(same["readings"]["pose"], info["readings"]["pose"])
    env.reset(seed=info["episode_seed"])
    assert [env.step(0)[0].tolist() for _ in range(3)] == onward


def test_rows_may_each_be_given_a_seed():
    env = make_vector_env("drivebot", 3)
    by_list, _ = env.reset(seed=[4, 9, 2])
    alone = [make_env("drivebot").reset(seed=seed)[0] for seed in (4, 9, 2)]
    np.testing.assert_array_equal(by_list, alone)


def test_a_row_may_be_left_without_a_seed():
    # As gymnasium's own vector environments take it.
    env = make_vector_env("drivebot", 2)
    observations, _ = env.reset(seed=[4, None])
    np.testing.assert_array_equal(observations[0], make_env("drivebot").reset(seed=4)[0])


def test_a_vector_environment_can_be_reset_without_a_seed():
    first, second = (make_vector_env("drivebot", 8).reset()[0] for _ in range(2))
    assert not np.array_equal(first, second)


def test_the_last_info_says_how_the_episode_ended():
    env = make_env("drivebot", patience=3)
    env.reset(seed=0)
    infos = [env.step(1)[4] for _ in range(4)]
    assert ["outcome" in info for info in infos] == [False, False, False, True]
    assert infos[-1]["outcome"] == "stuck" and json.dumps(infos[-1]["scores"])


# States.


@pytest.mark.parametrize("settings", SETTINGS, ids=ids)
def test_a_single_environment_continues_exactly_from_its_state(settings):
    env = make_env("drivebot", **settings, **QUICK)
    env.reset(seed=5)

    def onward(env):
        trace = []
        for step in range(60):  # long enough to end some episodes, whose successors count too
            observation, reward, terminated, truncated, info = env.step(action_of(env.action_space, 5, 0, step))
            trace.append((observation.tolist(), reward, terminated, truncated, info["episode_seed"]))
            if terminated or truncated:
                trace.append((info["outcome"], info["scores"], env.reset()[0].tolist()))
        return trace

    for step in range(3):
        env.step(action_of(env.action_space, 5, 1, step))
    state = pickle.loads(pickle.dumps(env.get_state()))
    expected = onward(env)
    assert len(expected) > 60
    other = make_env("drivebot", **settings, **QUICK)
    other.reset(seed=123)
    other.set_state(state)
    assert onward(other) == expected
    env.set_state(state)
    assert onward(env) == expected


def test_a_new_environment_takes_a_state_without_having_been_reset():
    env = make_env("drivebot")
    env.reset(seed=5)
    state, other = env.get_state(), make_env("drivebot")
    other.set_state(state)
    assert other.step(0)[0].tolist() == env.step(0)[0].tolist()


@pytest.mark.parametrize("settings", SETTINGS[:2], ids=ids)
def test_a_vector_environment_continues_exactly_from_its_state(settings):
    env = make_vector_env("drivebot", ROWS, **settings, **QUICK)
    env.reset(seed=5)

    def onward(env, seed, steps=80):
        trace, ends = [], 0
        for step in range(steps):
            actions = np.array([action_of(env.single_action_space, seed, row, step) for row in range(ROWS)])
            *values, _ = env.step(actions)
            trace.append([value.tolist() for value in values])
            ends += int((values[2] | values[3]).sum())
        return trace, ends

    # Up to a step on which some row's episode has just ended, so that its restart is still to come.
    for step in range(100):
        if onward(env, step, steps=1)[1]:
            break
    state = pickle.loads(pickle.dumps(env.get_state()))
    expected = onward(env, 6)
    assert expected[1] > ROWS
    other = make_vector_env("drivebot", ROWS, **settings, **QUICK)
    other.set_state(state)
    assert onward(other, 6) == expected
    env.set_state(state)
    assert onward(env, 6) == expected


# Other people's learners.


@pytest.mark.parametrize(
    ("learner", "settings"),
    [("PPO", {"actions": "continuous"}), ("PPO", {"encoder": "ordering", "history": 2}), ("DQN", {})],
)
def test_stable_baselines_learns_on_it(learner, settings):
    import stable_baselines3

    env = gymnasium.make("control_bench/Drivebot-v0", **settings)
    options = {"n_steps": 100, "batch_size": 50} if learner == "PPO" else {"learning_starts": 50, "buffer_size": 500}
    model = getattr(stable_baselines3, learner)("MlpPolicy", env, seed=0, device="cpu", **options)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(300)
    assert model.num_timesteps >= 300
    assert any((old != new).any() for old, new in zip(before, model.policy.parameters(), strict=True))
    observation, _ = env.reset(seed=0)
    assert env.action_space.contains(np.asarray(model.predict(observation, deterministic=True)[0]))
