"""Training to reach: it improves, a stop and a resume give what one go gives, and the score is what it says."""

import numpy as np
import pytest
import torch
from curve_files import curves
from test_training import differences

from control_bench.dynamics.planar_arm import PlanarArm
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import load
from control_bench.learning.reach_training import UNSEEN, ReachTrainer
from control_bench.plan import make_plan

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"task.dt": 0.02, "units": 6, "rows": 8, "reach": 0.1, "stay_most": 0.06, "training.hold": 0.04}
LONGER = SMALL | {"reach": 0.16, "resample": 0, "evaluate_every": 100}
# Products through the arm take their time: fewer of them, through fewer steps.
GRADIENTS = SMALL | {"method": "conjugate_gradients", "legs": 1, "rows": 4, "cg_iterations": 3}


def trainer(out, what=SMALL, seed=3, **options):
    plan = make_plan("reach", "ahf", assignments=what | options)
    return ReachTrainer.of(plan, out, {"task": "reach", "controller": "ahf"}, seed)


def resumed(out, what=SMALL, seed=3, **options):
    """As another process would go on: nothing but the folder is taken over."""
    again = trainer(out, what, seed, **options)
    again.resume()
    return again


def losses(one, steps):
    told = []
    one.run(steps=steps, report=lambda progress: told.append(progress.loss))
    return told[:steps]


def initial_loss(one):
    """Of the batch that the first update is made on, before it."""
    batch = one._draw(np.random.default_rng([3, 2, 0]), one.settings.rows)[1]
    with torch.no_grad():
        values = one._problem(batch, one.controller.policy)[0]
    return 0.5 * float(values.square().sum()) / len(values)


def judged(one, starts=""):
    """The reaches that it is judged on."""
    return one._draw(np.random.default_rng([3, 1]), UNSEEN, 0.5, starts)[1]


def by_hand(one, batch):
    """States (steps + 1, rows, 2n) of the policy in the arm, one row and one step at a time, without noise or delay."""
    model, policy = one.controller.model, one.controller.policy
    states = []
    for row in range(len(batch.starts)):
        state, memory, way = batch.starts[row].numpy(), None, [batch.starts[row].numpy()]
        for goal in batch.goals[:, row]:
            with torch.no_grad():
                seen = one.controller.observe(goal[None], torch.as_tensor(state)[None])
                torque, memory = policy(seen, memory)
            state = model.step(state, torque[0].numpy())
            way.append(state)
        states.append(way)
    return np.array(states).transpose(1, 0, 2)


# It improves.


def test_a_few_updates_lower_the_loss_a_lot(tmp_path):
    one = trainer(tmp_path, LONGER)
    before, missed = initial_loss(one), one.hand_errors().mean()
    told = losses(one, 8)
    assert all(after <= earlier for earlier, after in zip([before, *told[:-1]], told, strict=True))
    assert told[-1] < before / 3 and one.hand_errors().mean() < missed


def test_a_few_updates_by_conjugate_gradients_lower_the_loss(tmp_path):
    one = trainer(tmp_path, LONGER, method="conjugate_gradients", legs=1, cg_iterations=5, reach=0.1, units=8)
    before = initial_loss(one)
    told = losses(one, 5)
    assert all(after <= earlier for earlier, after in zip([before, *told[:-1]], told, strict=True))
    assert told[-1] < before / 2


@pytest.mark.parametrize("options", [{"legs": 1}, {"starts": "middle"}, {"arm": "three_link"}])
def test_every_kind_of_reach_is_learned(tmp_path, options):
    one = trainer(tmp_path, LONGER, **options)
    before = initial_loss(one)
    assert losses(one, 6)[-1] < before / 3


def test_an_arm_with_late_and_noisy_sensors_is_learned_too(tmp_path):
    noisy = {"delay": 0.04, "position_noise": 0.01, "velocity_noise": 0.05, "motor_noise": 0.1}
    one = trainer(tmp_path, LONGER, **noisy)
    batch = judged(one)
    assert batch.delay == 2
    n, steps = 2, len(batch.goals)
    assert batch.sensor_noise.shape == (steps, UNSEEN, 2 * n) and batch.motor_noise.shape == (steps, UNSEEN, n)
    deviations = np.array(
        [batch.sensor_noise[..., :n].std(), batch.sensor_noise[..., n:].std(), batch.motor_noise.std()]
    )
    np.testing.assert_allclose(deviations, [0.01, 0.05, 0.1], rtol=0.1)
    before = initial_loss(one)
    assert losses(one, 6)[-1] < before / 3


def test_it_trains_at_the_tasks_step_and_with_its_integrator(tmp_path):
    for integrator in ("semi_implicit", "explicit"):
        one = trainer(tmp_path, integrator=integrator)
        batch = one._draw(np.random.default_rng(0), 4)[1]
        ours = one._roll_out(one.controller.policy, batch).states.detach()
        assert (one.controller.model.integrator, one.controller.model.dt) == (integrator, 0.02)
        np.testing.assert_allclose(ours, by_hand(one, batch), rtol=1e-9, atol=1e-12)


# Stopped and resumed.


@pytest.mark.parametrize(
    ("what", "first"),  # a batch is of 4 updates: stopped within one, and between two
    [(SMALL, 3), (SMALL, 4), (GRADIENTS, 3)],
    ids=["gauss_newton-3", "gauss_newton-4", "conjugate_gradients-3"],
)
def test_resumed_training_gives_the_checkpoint_and_the_curves_of_one_go(tmp_path, what, first):
    often = {"resample": 4, "evaluate_every": 2, "save_every": 3}
    once = trainer(tmp_path / "once", what, **often)
    once.run(steps=2 * first)
    trainer(tmp_path / "twice", what, **often).run(steps=first)
    again = resumed(tmp_path / "twice", what, **often)
    assert again.progress.steps == first
    again.run(steps=first)
    whole = load(tmp_path / "once" / "last.pt")
    assert differences(whole, load(tmp_path / "twice" / "last.pt")) == []
    assert curves(tmp_path / "once") == curves(tmp_path / "twice")
    assert whole["steps"] == 2 * first and whole["training"]["progress"]["asked_steps"] == 2 * first
    assert len(whole["policy"]["network"]) == len(list(once.controller.policy.parameters())) == 11
    untrained = trainer(tmp_path, what).controller.get_policy()["network"]
    assert all((one != untrained[name]).any() for name, one in whole["policy"]["network"].items())


def test_a_stop_before_what_was_asked_changes_nothing(tmp_path):
    trainer(tmp_path / "once").run(until=4)
    asked = []
    trainer(tmp_path / "twice").run(until=4, stop=lambda: asked.append(0) or len(asked) > 2)
    again = resumed(tmp_path / "twice")
    assert (again.progress.steps, again.progress.asked_steps) == (2, 4)
    again.run(until=4)
    assert differences(load(tmp_path / "once" / "last.pt"), load(tmp_path / "twice" / "last.pt")) == []


def test_a_killed_training_resumes_from_its_last_checkpoint(tmp_path):
    def kill(progress):
        if progress.steps == 3:
            raise KeyboardInterrupt

    trainer(tmp_path / "once").run(steps=4)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "twice", save_every=2).run(steps=4, report=kill)
    again = resumed(tmp_path / "twice", save_every=2)
    assert again.progress.steps == 2
    again.run(until=4)
    assert differences(load(tmp_path / "once" / "last.pt"), load(tmp_path / "twice" / "last.pt")) == []


def test_a_training_of_another_seed_differs(tmp_path):
    # Or the tests above would not tell exact from anything.
    for seed in (3, 4):
        trainer(tmp_path / str(seed), seed=seed).run(steps=2)
    found = differences(*(load(tmp_path / seed / "last.pt") for seed in "34"))
    assert sum(name.startswith("/policy/network") for name in found) == 11


def test_batches_are_drawn_anew_after_so_many_updates(tmp_path):
    one, seen = trainer(tmp_path, resample=3), []
    draw = one._draw
    one._draw = lambda *given: seen.append(draw(*given)) or seen[-1]
    one.run(steps=7)
    seen = [batch for _, batch in seen if len(batch.starts) == one.settings.rows]  # not those to judge on
    alike = [torch.equal(a.goals, b.goals) for a, b in zip(seen[:-1], seen[1:], strict=True)]
    assert alike == [True, True, False, True, True, False]


# What is kept.


def test_stop_keeps_what_was_done_and_a_best_policy(tmp_path):
    asked = []
    one = trainer(tmp_path, evaluate_every=100, save_every=100)
    progress = one.run(steps=100, stop=lambda: asked.append(0) or len(asked) > 3)
    last, best = load(tmp_path / "last.pt"), load(tmp_path / "best.pt")
    assert progress.steps == last["steps"] == best["steps"] == 3
    assert differences(last["policy"], one.controller.get_policy()) == []
    assert differences(best["policy"], last["policy"]) == [] and best["score"] == progress.best


def test_a_stop_keeps_the_best_policy_there_was(tmp_path):
    one = trainer(tmp_path, evaluate_every=1)
    scores = iter([0.03, 0.01, 0.02, 0.04])
    one.hand_errors = lambda: np.full(UNSEEN, next(scores))
    asked = []
    one.run(steps=100, stop=lambda: asked.append(0) or len(asked) > 3)
    best = load(tmp_path / "best.pt")
    assert (best["steps"], best["score"]) == (2, pytest.approx(-10.0)) and load(tmp_path / "last.pt")["steps"] == 3


def test_a_resumed_training_puts_no_worse_policy_in_place_of_the_best(tmp_path):
    one = trainer(tmp_path, evaluate_every=2)
    one.hand_errors = lambda: np.full(UNSEEN, 0.01)
    assert one.run(steps=3).best == pytest.approx(-10.0)
    again = resumed(tmp_path, evaluate_every=2)
    again.hand_errors = lambda: np.full(UNSEEN, 0.02)
    assert again.run(steps=1).score == pytest.approx(-20.0)
    assert load(tmp_path / "best.pt")["score"] == pytest.approx(-10.0)


def test_what_a_training_ends_with_is_judged_where_it_ends_by_its_loss(tmp_path):
    one = trainer(tmp_path, evaluate_every=100, loss=1e9)
    progress = one.run(steps=5)
    assert progress.steps == 1 and load(tmp_path / "best.pt")["steps"] == 1
    assert load(tmp_path / "last.pt")["training"]["progress"]["score"] == progress.score


def test_best_is_a_policy_alone_and_the_one_of_its_score(tmp_path):
    one = trainer(tmp_path, evaluate_every=2)
    one.run(steps=6)
    best = load(tmp_path / "best.pt")
    assert "training" not in best and (best["task"], best["controller"]) == ("reach", "ahf")
    scores = dict(curves(tmp_path)["evaluation/hand_error"])
    assert set(scores) == {2, 4, 6} and min(scores.values()) == pytest.approx(-best["score"])
    assert scores[best["steps"]] == pytest.approx(-best["score"])
    judge = trainer(tmp_path)
    judge.controller.set_policy(best["policy"])
    assert -(1e3 * judge.hand_errors()).mean() == best["score"]  # to the last bit: in the order that it was scored in


def test_the_curves_tell_of_every_update(tmp_path):
    one = trainer(tmp_path, evaluate_every=2)
    told = losses(one, 4)
    points = curves(tmp_path)
    for name in ("loss", "before", "rate", "damping", "iterations"):
        assert [step for step, _ in points[f"train/{name}"]] == [1, 2, 3, 4]
    np.testing.assert_allclose([value for _, value in points["train/loss"]], told, rtol=1e-6)
    assert [step for step, _ in points["evaluation/worst"]] == [2, 4]
    for (_, mean), (_, worst) in zip(points["evaluation/hand_error"], points["evaluation/worst"], strict=True):
        assert 0.0 < mean < worst


def test_the_curves_hold_the_norm_of_every_variable_by_the_name_other_learners_have(tmp_path):
    one = trainer(tmp_path)
    one.run(steps=2)
    points = curves(tmp_path)
    for name, variable in one.controller.policy.named_parameters():
        assert [step for step, _ in points[f"train/norm/variable/{name}"]] == [1, 2], name
        assert points[f"train/norm/variable/{name}"][-1][1] == pytest.approx(float(variable.detach().norm()))


def test_training_ends_at_the_loss_that_is_asked_for(tmp_path):
    told = losses(trainer(tmp_path / "free"), 5)
    one = trainer(tmp_path / "bound", loss=told[2])
    progress = one.run(steps=5)
    assert progress.steps == 3 and progress.loss == told[2] and load(tmp_path / "bound" / "last.pt")["steps"] == 3
    again = resumed(tmp_path / "bound", loss=told[2])
    assert again.run(until=5).steps == 3  # still low enough


def test_progress_tells_the_loss_and_how_far_the_hand_is_off_in_mm(tmp_path):
    one, told = trainer(tmp_path, evaluate_every=2), []
    last = one.run(steps=3, report=lambda progress: told.append(str(progress)))
    assert told[0] == f"loss {told[0].split()[1]}" and "mm" not in told[0]
    assert f"hand off by {-last.score:.3g} mm (most {last.evaluation['worst']:.3g})" in told[-1]


# What it is trained and judged on.


@pytest.mark.parametrize(
    "options", [{}, {"legs": 1}, {"training.hold": 0.0}, {"arm": "three_link"}, {"starts": "start", "stay_least": 0.04}]
)
def test_hand_errors_are_those_of_a_roll_out_by_hand(tmp_path, options):
    one = trainer(tmp_path, **options)
    s, model, batch = one.settings, one.controller.model, judged(one)
    states, reach = by_hand(one, batch), round(s.reach / 0.02)
    hands = np.array([[model.hand(state[: model.joints]) for state in row] for row in states.transpose(1, 0, 2)])
    targets = model.circle(2 * np.pi * (np.arange(UNSEEN) + 0.5) / UNSEEN)
    errors = one.hand_errors()
    assert errors.shape == (UNSEEN,)
    for row in range(UNSEEN):
        first, goals = batch.goals[0, row], batch.goals[:, row]
        shown = [step for step, goal in enumerate(goals) if not torch.equal(goal, first)]
        switch = shown[0] if shown else int(batch.checks[row, 0])
        assert reach + round(s.stay_least / 0.02) <= switch <= reach + round(s.stay_most / 0.02)
        out = np.linalg.norm(hands[row, switch] - targets[row])
        back = np.linalg.norm(hands[row, switch + reach :][: round(s.hold / 0.02) + 1] - model.centre, axis=1)
        assert errors[row] == pytest.approx(out if s.legs == 1 else max(out, back.max()), rel=1e-6, abs=1e-9)


def test_hand_errors_from_another_start_are_those_of_a_training_from_there(tmp_path):
    both, start = trainer(tmp_path), trainer(tmp_path, starts="start")
    np.testing.assert_array_equal(both.hand_errors("start"), start.hand_errors())
    assert (both.hand_errors() != start.hand_errors()).any()
    assert (judged(both, "start").starts[:, :2].numpy() == both.controller.model.start).all()


def test_a_batch_holds_reaches_out_and_back(tmp_path):
    one = trainer(tmp_path)
    model, middle = one.controller.model, one.controller.middle
    batch = one._draw(np.random.default_rng(0), 8)[1]
    np.testing.assert_allclose(model.hand(middle), model.centre, atol=1e-9)
    starts = batch.starts.numpy()
    assert (starts[:, 2:] == 0).all()
    from_middle = (starts[:, :2] == middle).all(axis=1)
    assert from_middle.sum() == 4 and (starts[~from_middle, :2] == model.start).all()
    for row in range(8):
        out = batch.goals[0, row].numpy()
        assert np.linalg.norm(model.hand(out) - model.centre) == pytest.approx(model.radius)
        checks, wanted = batch.checks[row].numpy(), batch.wanted[row].numpy()
        assert checks[0] == 5 and checks[1] >= 5 and checks[2] == checks[1] + 5 and checks[-1] == checks[2] + 2
        np.testing.assert_array_equal(wanted[:2], [[*out, 0, 0]] * 2)  # there, at rest, for as long as it is shown
        np.testing.assert_array_equal(wanted[2:], [[*middle, 0, 0]] * 5)
        np.testing.assert_array_equal(batch.goals[: checks[1], row], [out] * checks[1])
        assert (batch.goals[checks[1] :, row].numpy() == middle).all() and checks[-1] <= len(batch.goals)


def test_targets_that_are_judged_on_are_never_trained_on(tmp_path):
    one = trainer(tmp_path, rows=UNSEEN)
    unseen = {tuple(np.round(goal, 6)) for goal in judged(one).goals[0].numpy()}
    task = one.task
    for drawn in range(5):
        batch = one._draw(np.random.default_rng([3, 2, drawn]), UNSEEN)[1]
        assert not unseen & {tuple(np.round(goal, 6)) for goal in batch.goals[0].numpy()}
    benchmark = [one.controller.goal_of(task.start(np.random.default_rng(seed))[2:]) for seed in range(20)]
    assert not unseen & {tuple(np.round(goal, 6)) for goal in benchmark}


def test_evaluations_leave_training_as_it_is(tmp_path):
    trainer(tmp_path / "often", evaluate_every=1).run(steps=2)
    trainer(tmp_path / "never", evaluate_every=100).run(steps=2)
    often, never = (load(tmp_path / name / "last.pt") for name in ("often", "never"))
    assert differences(often["policy"], never["policy"]) == []
    assert differences(often["training"]["optimiser"], never["training"]["optimiser"]) == []


def test_training_draws_from_no_global_generator(tmp_path):
    one = trainer(tmp_path)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    one.run(steps=1)
    assert (np.random.get_state()[1] == before[0]).all() and torch.equal(torch.get_rng_state(), before[1])


# What it refuses.


def test_a_force_field_is_refused(tmp_path):
    with pytest.raises(BadInput, match="force_field: .*set it to 0"):
        trainer(tmp_path, force_field=1.0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rows": 0}, "rows: 0 should be above 0"),
        ({"training.steps": 0}, "steps: 0 should be above 0"),
        ({"reach": -0.1}, "reach: -0.1 should be above 0"),
        ({"resample": -1}, "resample: should be 0 or more"),
        ({"training.hold": -0.1}, "hold: should be 0 or more"),
        ({"stay_least": -0.1}, "stay_least: should be 0 or more"),
        ({"stay_least": 0.3, "stay_most": 0.2}, "stay_most: should be stay_least or more"),
        ({"effort": -1.0}, "effort: should be 0 or more"),
        ({"angle_weight": 0.0}, "angle_weight: 0.0 should be above 0"),
        ({"legs": 3}, "legs: '3' is not a choice"),
        ({"starts": "anywhere"}, "starts: 'anywhere' is not a choice"),
        ({"damping": 0.0}, "damping: 0.0 should be above 0"),
        ({"structural": 0.1}, "structural: set method: conjugate_gradients too"),
        ({"units": 0}, "units: 0 should be above 0"),
        ({"spread": 0.0}, "spread: 0.0 should be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_one_line(options, told):
    with pytest.raises(BadInput, match=told) as caught:
        make_plan("reach", "ahf", assignments=SMALL | options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("legs", [1, 2])
def test_a_reach_shorter_than_a_step_is_refused(tmp_path, legs):
    with pytest.raises(BadInput, match="reach: "):
        trainer(tmp_path, reach=0.005, stay_least=0.0, stay_most=0.0, legs=legs, **{"training.hold": 0.0}).run(steps=1)


def test_a_batch_of_one_row_is_enough(tmp_path):
    one = trainer(tmp_path, rows=1, resample=0)
    assert isinstance(one.controller.model, PlanarArm)
    told = losses(one, 4)
    assert told[-1] < told[0]


@pytest.mark.parametrize("method", ["gauss_newton", "conjugate_gradients"])
def test_a_reach_of_a_single_step_can_be_trained(tmp_path, method):
    # The memory then has no part in it.
    short = {"reach": 0.02, "stay_least": 0.0, "stay_most": 0.0, "legs": 1, "training.hold": 0.0}
    one = trainer(tmp_path, method=method, resample=0, **short)
    told = losses(one, 4)
    assert told[-1] < told[0]
