"""Training: a stop and a resume give what one go gives, array by array, and the curves tell all of it once."""

import time
from collections import defaultdict

import numpy as np
import pytest
from curve_files import curves

from control_bench.controllers.dqn import DQN, DQNSettings
from control_bench.controllers.q_table import QTable, QTableSettings
from control_bench.env import TaskVectorEnv
from control_bench.learning.checkpoint import load
from control_bench.learning.settings import TrainingSettings
from control_bench.learning.training import LearnerTrainer
from control_bench.learning.training_folder import TrainingFolder
from control_bench.tasks.drivebot import Drivebot, DrivebotSettings

# What is trained: a class, its task's encoder, and its settings. Episodes are short, so that many begin and end.
TABLE = (QTable, "ordering", QTableSettings(explore_by="weighted", learning_rate=0.02, replays=3))
PLAIN = dict(hidden=(8,), batch=8, learn_start=40, update_every=4, target_every=7, explore_steps=200, replay=600)
NETWORK = (DQN, "standardised", DQNSettings(**PLAIN))
FULL = (DQN, "raw", DQNSettings(**PLAIN | {"replay": 90}, dueling=True, n_step=3, priority=0.6, importance_steps=300))
SGD = (DQN, "raw", DQNSettings(**PLAIN | {"target_every": 1}, optimiser="sgd", target_rate=0.1, loss="squared"))
OFTEN = dict(log_every=50, save_every=70, evaluate_every=60)


pytestmark = pytest.mark.usefixtures("one_thread")


class Stateless:
    """A vector environment that offers no `get_state`, as most do not."""

    def __init__(self, envs):
        self.num_envs, self.reset, self.step = envs.num_envs, envs.reset, envs.step


def trainer(out, what, seed=3, rows=4, wrap=lambda envs: envs, learner=None, **settings):
    cls, encoder, learner_settings = what
    task_settings = DrivebotSettings(encoder=encoder, max_steps=25, patience=6, sensor_noise=True)
    task, judge = (Drivebot(task_settings, count) for count in (rows, 2))
    learner = learner or cls(task.observation_space, task.action_space, learner_settings, seed=seed)
    about = {"task": "drivebot", "controller": cls.__name__}
    training = TrainingSettings(rows=rows, evaluate_rows=2, **OFTEN | settings)
    return LearnerTrainer(
        learner, wrap(TaskVectorEnv(task)), TaskVectorEnv(judge), training, TrainingFolder(out, about), seed
    )


def resumed(out, what, **options):
    """As another process would go on: nothing but the folder is taken over."""
    again = trainer(out, what, **options)
    again.resume()
    return again


def differences(one, other, at=""):
    """Where two trees differ, by path."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differences(one[key], other[key], f"{at}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for i, pair in pairs for found in differences(*pair, f"{at}/{i}")]
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        alike = (one.dtype, one.shape) == (other.dtype, other.shape) and one.tobytes() == other.tobytes()
    else:
        alike = type(one) is type(other) and one == other
    return [] if alike else [at]


def wait_for_a_new_events_file():
    """Their names hold the second that they were made in."""
    start = int(time.time())
    while int(time.time()) == start:
        time.sleep(0.02)


@pytest.mark.parametrize(
    "what, first",  # stopped with the checkpoint due at 140, and between all that is due at 173
    [(TABLE, 140), (TABLE, 173), (NETWORK, 173), (FULL, 140), (SGD, 173)],
    ids=["q_table-140", "q_table-173", "dqn-173", "dqn-full-140", "dqn-sgd-173"],
)
def test_resumed_training_gives_the_checkpoint_of_one_go(tmp_path, what, first):
    once = trainer(tmp_path / "once", what)
    once.run(steps=400)
    trainer(tmp_path / "twice", what).run(steps=first)
    again = resumed(tmp_path / "twice", what)
    assert first <= again.progress.steps < first + 4 and again.progress.episodes > 0
    again.run(until=400)
    for name in ("last.pt", "best.pt"):
        assert differences(load(tmp_path / "once" / name), load(tmp_path / "twice" / name)) == []
    assert again.progress == once.progress and once.progress.episodes > 10
    if what is not TABLE:
        assert once.learner.updates > 50


def test_a_tree_of_another_seed_differs(tmp_path):
    # Or the test above would not tell exact from anything.
    one, other = (trainer(tmp_path, TABLE, seed=seed) for seed in (3, 4))
    assert differences(one.learner.get_state(), other.learner.get_state()) == ["/rng/state/state", "/rng/state/inc"]


@pytest.mark.parametrize("n", [96, 97, 98, 99])
def test_n_steps_and_n_more_are_2_n_steps(tmp_path, n):
    # What a learner does with 4 rows at once is not always a multiple of 4 steps: rows that begin do none.
    trainer(tmp_path / "once", TABLE).run(steps=2 * n)
    trainer(tmp_path / "twice", TABLE).run(steps=n)
    resumed(tmp_path / "twice", TABLE).run(steps=n)
    assert differences(load(tmp_path / "once" / "last.pt"), load(tmp_path / "twice" / "last.pt")) == []


def test_a_stop_before_the_first_evaluation_changes_nothing(tmp_path):
    trainer(tmp_path / "once", TABLE, evaluate_every=150).run(steps=200)
    trainer(tmp_path / "twice", TABLE, evaluate_every=150).run(steps=100)
    again = resumed(tmp_path / "twice", TABLE, evaluate_every=150)
    again.run(until=200)
    for name in ("last.pt", "best.pt"):
        assert differences(load(tmp_path / "once" / name), load(tmp_path / "twice" / name)) == []


@pytest.mark.parametrize("what", [TABLE, NETWORK], ids=["q_table", "dqn"])
def test_resumed_curves_are_those_of_one_go(tmp_path, what):
    whole, first = trainer(tmp_path / "once", what), trainer(tmp_path / "twice", what)
    whole.run(steps=300), first.run(steps=173)
    wait_for_a_new_events_file()
    again = resumed(tmp_path / "twice", what)
    again.run(until=300)
    once, twice = curves(tmp_path / "once"), curves(tmp_path / "twice")
    assert once.keys() == twice.keys()
    assert [name for name in once if once[name] != twice[name]] == []


def test_a_killed_training_resumes_from_its_last_checkpoint_and_its_curves_never_go_back(tmp_path):
    killed = trainer(tmp_path, NETWORK, save_every=100)

    def kill(progress):
        if progress.steps > 190:  # points at 150 are collected by now, the checkpoint is that of step 100
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed.run(steps=400, report=kill)
    wait_for_a_new_events_file()
    again = resumed(tmp_path, NETWORK, save_every=100)
    assert 100 <= again.progress.steps < 104
    again.run(until=400)
    points = curves(tmp_path)
    for name, values in points.items():
        steps = [step for step, _ in values]
        assert steps == sorted(set(steps)), name
    assert len(points["train/explore"]) == 8  # every 50 steps up to 400: none lost either


def test_points_up_to_a_checkpoint_are_on_disk_with_it(tmp_path):
    # A process killed right after it wrote last.pt never writes them again: the resumed one starts behind them.
    one = trainer(tmp_path, TABLE)
    one.run(steps=600)
    assert [len(curves(tmp_path)[name]) for name in ("train/explore", "evaluation/reward")] == [12, 10]


def test_the_curves_hold_the_norms_of_every_variable_and_gradient(tmp_path):
    one = trainer(tmp_path, FULL)
    one.run(steps=120)
    points = curves(tmp_path)
    names = [name for name, _ in one.learner.networks["network"].named_parameters()]
    assert len(names) == 6
    for name in names:
        for kind in ("variable", "gradient"):
            assert len(points[f"train/norm/{kind}/{name}"]) == 2, name
    gradient = points[f"train/norm/gradient/{names[0]}"]
    assert all(value > 0 for _, value in gradient) and gradient[0][1] != gradient[1][1]
    assert {"train/loss", "train/q_value", "train/explore", "train/episodes", "evaluation/reward"} <= points.keys()


def test_the_best_policy_is_kept(tmp_path):
    one = trainer(tmp_path, TABLE)
    one.run(steps=600)
    scores = [value for _, value in curves(tmp_path)["evaluation/reward"]]
    best = load(tmp_path / "best.pt")
    assert len(scores) == 10 and len(set(scores)) > 1
    assert best["score"] == pytest.approx(max(scores)) == one.progress.best
    assert best["steps"] == curves(tmp_path)["evaluation/reward"][scores.index(max(scores))][0]
    assert best["task"] == "drivebot" and "training" not in best  # a policy, not all that learning on needs


def test_a_training_too_short_to_be_evaluated_has_a_best_policy_too(tmp_path):
    progress = trainer(tmp_path, TABLE, evaluate_every=10_000).run(steps=20)
    assert load(tmp_path / "best.pt")["score"] == progress.best


def test_evaluations_leave_training_as_it_is(tmp_path):
    trainer(tmp_path / "often", NETWORK, evaluate_every=30).run(steps=200)
    trainer(tmp_path / "never", NETWORK, evaluate_every=10_000).run(steps=200)
    often, never = (load(tmp_path / name / "last.pt")["training"] for name in ("often", "never"))
    assert differences(often["learner"], never["learner"]) == [] and differences(often["envs"], never["envs"]) == []


def test_stop_keeps_what_was_done(tmp_path):
    asked = []
    one = trainer(tmp_path, TABLE, evaluate_every=10_000, save_every=10_000)
    progress = one.run(steps=10_000, stop=lambda: asked.append(0) or len(asked) > 20)
    assert 60 <= progress.steps <= 80
    assert load(tmp_path / "last.pt")["steps"] == progress.steps and (tmp_path / "best.pt").is_file()
    assert differences(load(tmp_path / "last.pt")["training"]["learner"], one.learner.get_state()) == []


def test_episodes_can_be_counted_instead_of_steps(tmp_path):
    one = trainer(tmp_path, TABLE)
    assert 5 <= one.run(episodes=5).episodes < 9
    before = one.progress.episodes
    assert before + 5 <= one.run(episodes=5).episodes < before + 9


@pytest.mark.parametrize("n_step", [1, 3])
def test_an_environment_without_a_state_starts_new_episodes_that_join_no_old_one(tmp_path, n_step):
    told = []

    class Recorder(DQN):
        def learn(self, transitions):
            told.append(transitions)
            super().learn(transitions)

    what = (Recorder, "raw", DQNSettings(**PLAIN, n_step=n_step, discount=1.0))
    trainer(tmp_path, what, wrap=Stateless, seed=3).run(steps=100)
    again = resumed(tmp_path, what, wrap=Stateless, seed=4)
    again.run(steps=100)
    # What an n-step sample may be: n valid steps in a row, the last of which leads where the sample says.
    leads_to = defaultdict(set)
    for one in told:
        for row in np.flatnonzero(one.valid):
            leads_to[one.observation[row].tobytes()].add(one.next_observation[row].tobytes())
    batch = again.learner.replay.sample(3000, np.random.default_rng(0))
    joined = 0
    for here, there in zip(batch.observation, batch.next_observation, strict=True):
        reached = {here.tobytes()}
        ways = set()
        for _ in range(n_step):
            reached = set().union(*(leads_to[one] for one in reached))
            ways |= reached
        joined += there.tobytes() not in ways
    assert joined == 0
