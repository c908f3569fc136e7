"""Training a grasp quality network: that it learns, that a resumed training is one in one go, and what is drawn."""

import copy
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from control_bench.errors import BadInput
from control_bench.grasping.crops import PIXELS
from control_bench.grasping.dataset import begin, make_card, shard_file
from control_bench.grasping.depth_noise import DepthNoise
from control_bench.grasping.examples import ExampleSettings
from control_bench.grasping.gqcnn import quality
from control_bench.grasping.training import EVEN, SCALE, WARM_UP, CameraNoise, Examples, GraspTrainer
from control_bench.grasping.training_settings import GraspTrainingSettings
from control_bench.learning.checkpoint import load
from control_bench.learning.training_folder import TrainingFolder
from control_bench.plan import make_plan

pytestmark = pytest.mark.usefixtures("one_thread")
EXACT = dict(gamma_shape=0.0, deviation=0.0)
OFTEN = dict(log_every=2, save_every=4, evaluate_every=3)


def columns(count, rng):
    """Grasps of a wall 40 mm high, which succeed where it stands between the jaws, square to their axis."""
    between, square = rng.random(count) < 0.5, rng.random(count) < 0.6
    away = (np.arange(PIXELS) - 15.5) * 0.004
    aside = np.where(between, rng.uniform(-0.004, 0.004, count), rng.choice([-0.03, 0.03], count))
    across = np.where(square[:, None, None], away, away[:, None]) - aside[:, None, None]
    crop = np.where(np.abs(across) < 0.008, -0.02, 0.02)
    return {
        "crop": crop.astype(np.float16), "depth": rng.uniform(0.6, 0.7, count).astype(np.float32),
        "kind": rng.integers(0, 3, count).astype(np.int8), "collision_free": square,
        "force_closure": np.where(between, 0.9, 0.1).astype(np.float32),
        "epsilon": np.where(between, 0.01, 0.0).astype(np.float32),
    }  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A folder of few grasps, whose card is like any other's."""
    folder = tmp_path_factory.mktemp("grasps")
    begin(folder, make_card(ExampleSettings(gripper="panda", near=0.5, far=0.6), 0))
    for number, count in enumerate([75] * 8 + [300]):  # to train, and to validate
        np.savez(shard_file(folder, number), **columns(count, np.random.default_rng(number)))
    return folder


def trainer(out, dataset, seed=1, controller=None, **settings):
    controller = {"hand": "panda"} | (controller or {})
    plan = make_plan("grasp", "dexnet", assignments=controller | {f"training.{k}": v for k, v in settings.items()}
                     | {"training.dataset": str(dataset)})  # fmt: skip
    return GraspTrainer.of(plan, out, plan.about(plan.make_task()), seed)


def differences(one, other, at=""):
    """Where two trees differ, by path."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differences(one[key], other[key], f"{at}/{key}")]
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return [] if one.dtype == other.dtype and one.tobytes() == other.tobytes() else [at]
    return [] if one == other else [at]


# Learning.


def test_a_network_that_is_no_number_any_more_ends_the_training(tmp_path, dataset):
    one = trainer(tmp_path, dataset, learning_rate=1e9, batch=64, steps=60, evaluate_every=20)
    with pytest.raises(BadInput, match="the loss is nan after .* lower learning_rate; the last checkpoint is"):
        one.run(steps=60)


def loss_of(one):
    """On all that is held back."""
    told = quality(one.controller.network, *one._seen).clamp(1e-6, 1.0 - 1e-6).numpy()
    return float(-np.log(np.where(one.validate.success, told, 1.0 - told)).mean())


@pytest.mark.parametrize("resampling, optimiser, rate", [("even", "adam", 0.02), ("loss", "sgd", 0.3)])
def test_a_network_learns_which_grasps_succeed(tmp_path, dataset, resampling, optimiser, rate):
    one = trainer(tmp_path, dataset, resampling=resampling, optimiser=optimiser, learning_rate=rate, batch=64,
                  steps=1000, log_every=10, evaluate_every=40)  # fmt: skip
    (before, _), loss = one.evaluate(), loss_of(one)
    one.run(steps=40)
    after, found = one.evaluate()
    assert loss_of(one) < 0.5 * loss and before < 0.6 and after > 0.9
    assert found["accuracy"] > 0.85 and one.progress.loss < 0.5
    assert 0.2 < found["positives"] < 0.4 and "average precision" in str(one.progress)


def test_what_was_learned_is_kept_with_what_it_is_for(tmp_path, dataset):
    one = trainer(tmp_path, dataset, batch=8, **OFTEN)
    one.run(steps=4)
    for name in ("last.pt", "best.pt"):
        policy = load(tmp_path / name)["policy"]
        assert policy["trained"] == {"gripper": "panda", "near": 0.5, "far": 0.6}
    weights = one.controller.network.state_dict()
    assert (
        differences(load(tmp_path / "last.pt")["policy"]["network"], {k: v.numpy() for k, v in weights.items()}) == []
    )


@pytest.mark.parametrize("optimiser, resampling, stop", [("adam", "even", 8), ("adam", "loss", 5), ("sgd", "loss", 7)])
def test_a_resumed_training_is_one_in_one_go(tmp_path, dataset, optimiser, resampling, stop):
    options = dict(controller=dict(dropout=0.3), optimiser=optimiser, resampling=resampling, batch=30, **OFTEN)
    trainer(tmp_path / "once", dataset, **options).run(steps=14)
    trainer(tmp_path / "twice", dataset, **options).run(steps=stop)
    torch.manual_seed(99)  # nor does it depend on who draws beside it
    again = trainer(tmp_path / "twice", dataset, **options)
    again.resume()
    assert again.progress.steps == stop
    again.run(until=14)
    for name in ("last.pt", "best.pt"):
        assert differences(load(tmp_path / "once" / name), load(tmp_path / "twice" / name)) == []


def test_a_training_of_another_seed_differs(tmp_path, dataset):
    # Or the test above would not tell exact from anything.
    for seed in (1, 2):
        trainer(tmp_path / str(seed), dataset, seed=seed, batch=20, **OFTEN).run(steps=3)
    one, other = (load(tmp_path / str(seed) / "last.pt")["training"] for seed in (1, 2))
    assert "/losses" in differences(one, other)


def test_the_rate_rises_along_a_line_and_falls_along_half_a_cosine(tmp_path, dataset):
    one = trainer(tmp_path, dataset, batch=2, steps=4 * WARM_UP, learning_rate=0.01)
    rates = {}
    for steps in (0, WARM_UP // 2 - 1, WARM_UP - 1, 2 * WARM_UP, 4 * WARM_UP):
        one.progress.steps = steps
        one.step()
        rates[steps] = one._optimiser.param_groups[0]["lr"]
    assert rates[0] == pytest.approx(0.01 / WARM_UP)
    share = (1.0 + np.cos(np.pi / 8.0 * (1.0 - 2.0 / WARM_UP))) / 2.0
    assert rates[WARM_UP // 2 - 1] == pytest.approx(0.005 * share, rel=1e-3)
    assert rates[WARM_UP - 1] == pytest.approx(0.01 * (1.0 + np.cos(np.pi / 4.0)) / 2.0, rel=0.01)
    assert rates[2 * WARM_UP] == pytest.approx(0.005) and rates[4 * WARM_UP] == pytest.approx(0.0, abs=1e-12)


def test_pictures_are_turned_over_now_and_then_and_their_grasps_stay(tmp_path, dataset):
    one = trainer(tmp_path, dataset, batch=4, **EXACT)
    given = []
    one.controller.network.register_forward_pre_hook(lambda module, told: given.append([t.clone() for t in told]))
    ways = set()
    for steps in range(24):
        one.progress.steps = steps
        one.step()
        chosen = one._draw(np.random.default_rng([1, 2, steps]))[0]
        crops, depths = one.train.crops[chosen].float(), one.train.depths[chosen]
        assert torch.equal(given[-1][1], depths)
        same = [flips for flips in ((), (1,), (2,), (1, 2)) if torch.equal(crops.flip(flips), given[-1][0])]
        assert same
        ways |= {same[0]} if len(same) == 1 else set()
    assert len(ways) == 4


# What is drawn.


def hard_and_easy(tmp_path, dataset):
    """A trainer that has seen most of its examples, a few of them with a large loss; and the losses, as it counts."""
    one = trainer(tmp_path, dataset, resampling="loss", batch=2000, **EXACT)
    rng = np.random.default_rng(0)
    one._losses[:] = rng.exponential(0.2, len(one.train))
    one._losses[:20], one._losses[20:50] = 5.0, np.nan
    one.progress.steps = 1
    one._chances = None
    losses = np.where(np.isnan(one._losses), np.nanmean(one._losses), one._losses).astype(float)
    return one, losses


def test_hard_examples_are_drawn_by_their_loss_and_all_of_them_now_and_then(tmp_path, dataset):
    one, losses = hard_and_easy(tmp_path, dataset)
    count = len(losses)
    expected = EVEN / count + (1.0 - EVEN) * losses / losses.sum()
    drawn = np.concatenate([one._draw(np.random.default_rng(seed))[0] for seed in range(30)])
    found = np.bincount(drawn, minlength=count)
    assert stats.chisquare(found, expected / expected.sum() * len(drawn)).pvalue > 1e-3
    assert found[:20].mean() > 5.0 * found[50:].mean() and found.min() > 0


def test_what_is_drawn_often_counts_the_less_so_that_the_mean_gradient_stays(tmp_path, dataset):
    one, losses = hard_and_easy(tmp_path, dataset)
    chosen, weights = one._draw(np.random.default_rng(0))
    chances = EVEN / len(losses) + (1.0 - EVEN) * losses / losses.sum()
    np.testing.assert_allclose(weights, 1.0 / (len(losses) * chances[chosen]), rtol=1e-5)
    # Over the distribution, whatever an example's gradient is: the mean of weight times gradient is the plain mean.
    weight_of = np.zeros(len(losses), np.float64)
    for seed in range(20):
        chosen, weights = one._draw(np.random.default_rng(seed))
        weight_of[chosen] = weights
    gradients = np.random.default_rng(1).normal(1.0, 2.0, (len(losses), 3))
    seen = weight_of > 0.0
    assert seen.all()
    np.testing.assert_allclose((one._chances * weight_of) @ gradients, gradients.mean(axis=0), rtol=1e-5)


def test_a_step_goes_down_the_weighed_losses(tmp_path, dataset):
    one = trainer(tmp_path, dataset, batch=20, optimiser="sgd", **EXACT)
    chosen, weights = np.arange(20), torch.linspace(0.0, 3.0, 20)
    one._draw = lambda rng: (chosen, weights)
    before, given = copy.deepcopy(one.controller.network), []
    hook = one.controller.network.register_forward_pre_hook(lambda module, told: given.append(told))
    one.step()
    hook.remove()
    losses = F.cross_entropy(before(*given[0]), torch.as_tensor(one.train.success[:20]).long(), reduction="none")
    (losses * weights).mean().backward()
    for found, expected in zip(one.controller.network.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)
    np.testing.assert_allclose(one._losses[:20], losses.detach(), rtol=1e-5)


def test_even_resampling_draws_all_alike(tmp_path, dataset):
    one = trainer(tmp_path, dataset, batch=2000)
    drawn = [one._draw(np.random.default_rng(seed)) for seed in range(20)]
    found = np.bincount(np.concatenate([chosen for chosen, _ in drawn]), minlength=len(one.train))
    assert stats.chisquare(found).pvalue > 1e-3 and all((weights == 1.0).all() for _, weights in drawn)


def test_losses_are_kept_by_the_data_sets_own_numbers(tmp_path, dataset):
    one = trainer(tmp_path, dataset, resampling="loss", batch=50, **EXACT)
    one.step()
    chosen = np.flatnonzero(~np.isnan(one._losses))
    expected = one._draw(np.random.default_rng([1, 2, 0]))[0]
    assert set(chosen) == set(expected) and 0 < len(chosen) <= 50
    one.progress.steps = 2  # the chances are taken anew once in as many steps as there are batches
    before = one._chances.copy()
    one.step()
    assert np.array_equal(one._chances, before)
    one.progress.steps = len(one.train) // 50
    one.step()
    assert not np.array_equal(one._chances, before)


# Noise.


def whole_pictures(settings, count, rng):
    """Crops, as planners take them, out of noisy pictures of nothing but a plane, 0.7 m away, less 0.6 m."""
    seen = np.array([settings.apply(np.full((480, 640), 0.7), rng) for _ in range(count)])
    pixels = PIXELS * SCALE
    taken = []
    for picture in seen:
        top, left = rng.integers(50, 300, 2)
        window = picture[top : top + pixels, left : left + pixels]
        taken.append(window.reshape(PIXELS, SCALE, PIXELS, SCALE).mean(axis=(1, 3)))
    return np.array(taken)


def alike(values, away):
    """How much neighbours so far apart have in common."""
    across = np.corrcoef(values[:, :, away:].ravel(), values[:, :, :-away].ravel())[0, 1]
    down = np.corrcoef(values[:, away:].ravel(), values[:, :-away].ravel())[0, 1]
    return across, down


@pytest.mark.parametrize("cell", [2, 4, 7])
def test_a_crops_noise_is_that_of_the_picture_it_would_be_from(cell):
    settings, rng = DepthNoise(0.0, 0.005, cell), np.random.default_rng(0)
    expected = whole_pictures(settings, 60, rng) - 0.7
    crops, depths = torch.full((60, PIXELS, PIXELS), 0.1), torch.full((60,), 0.6)
    noisy, told = CameraNoise(settings).apply(crops, depths, rng)
    errors = (noisy - crops).numpy()
    assert errors.std() == pytest.approx(expected.std(), rel=0.05) and abs(errors.mean()) < 3e-4
    for away in (1, 2, 3):
        np.testing.assert_allclose(alike(errors, away), alike(expected, away), atol=0.07)
    assert torch.equal(told, depths)


def test_a_cameras_factor_goes_for_crop_and_depth_alike():
    settings, rng = DepthNoise(1000.0, 0.0), np.random.default_rng(0)
    drawn = columns(400, rng)
    crops, depths = torch.as_tensor(drawn["crop"]).float(), torch.as_tensor(drawn["depth"])
    noisy, told = CameraNoise(settings).apply(crops, depths, rng)
    factors = (told / depths).numpy()
    assert factors.std() == pytest.approx(1000.0**-0.5, rel=0.15) and factors.mean() == pytest.approx(1.0, abs=0.006)
    # The picture is crop and depth together: all of it is scaled by the one factor.
    picture = (crops + depths[:, None, None]) * torch.as_tensor(factors)[:, None, None]
    torch.testing.assert_close(noisy + told[:, None, None], picture)


def test_without_noise_crops_stay_as_they_are():
    drawn = columns(5, np.random.default_rng(0))
    crops, depths = torch.as_tensor(drawn["crop"]).float(), torch.as_tensor(drawn["depth"])
    noisy, told = CameraNoise(DepthNoise(0.0, 0.0)).apply(crops, depths, np.random.default_rng(0))
    assert torch.equal(noisy, crops) and torch.equal(told, depths)


# Data sets.


def test_a_success_is_a_collision_free_grasp_above_the_threshold(dataset):
    told = columns(300, np.random.default_rng(8))
    found = Examples(str(dataset), "validate", "force_closure", 0.25)
    np.testing.assert_array_equal(found.success, told["collision_free"] & (told["force_closure"] > 0.25))
    assert len(found) == 300 and len(Examples(str(dataset), "train", "epsilon", 0.005)) == 600
    np.testing.assert_array_equal(found.crops.numpy(), told["crop"])
    np.testing.assert_array_equal(found.kind, told["kind"])


@pytest.mark.parametrize("label, threshold", [("force_closure", 0.95), ("epsilon", 0.1)])
def test_a_label_that_tells_nothing_apart_is_refused(dataset, label, threshold):
    with pytest.raises(BadInput, match=f"0 of 600 succeed by {label} above {threshold:g}: set another"):
        Examples(str(dataset), "train", label, threshold)


def test_bad_data_sets_are_refused_in_one_line(tmp_path, dataset):
    def refused(folder):
        with pytest.raises(BadInput) as error:
            trainer(tmp_path / "out", folder)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "control-bench dataset grasp" in refused(tmp_path / "none")
    bad = tmp_path / "bad"
    begin(bad, make_card(ExampleSettings(), 0))
    assert "holds no grasps to train yet" in refused(bad)
    for number in range(8):
        np.savez(shard_file(bad, number), **columns(50, np.random.default_rng(0)))
    assert "holds no grasps to validate yet" in refused(bad)
    shard_file(bad, 8).write_bytes(shard_file(bad, 0).read_bytes()[:500])
    assert "shard_00008.npz: damaged" in refused(bad)
    lacking = {name: values for name, values in columns(50, np.random.default_rng(0)).items() if name != "epsilon"}
    np.savez(shard_file(bad, 8), **lacking)
    assert "shard_00008.npz: damaged" in refused(bad)
    card = json.loads((bad / "card.json").read_text())
    (bad / "card.json").write_text(json.dumps(card | {"format": "other"}))
    assert "of another version (other)" in refused(bad)


@pytest.mark.parametrize(
    "name, value", [("steps", 0), ("batch", 0), ("learning_rate", 0.0), ("threshold", 1.0), ("momentum", 1.0),
                    ("gamma_shape", -1.0), ("cell", 0), ("evaluate_every", 0)],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(name, value):
    with pytest.raises(BadInput, match=name):
        GraspTrainingSettings(**{name: value})


def test_a_folder_of_its_own_is_all_that_a_trainer_needs(tmp_path, dataset):
    plan = make_plan("grasp", "dexnet", assignments={"hand": "panda"})
    controller = plan.make_controller(plan.make_task())
    settings = GraspTrainingSettings(dataset=str(dataset), batch=4)
    one = GraspTrainer(controller, settings, TrainingFolder(tmp_path / "out", {}), 0)
    one.run(steps=2)
    assert one.progress.steps == 2 and one.progress.episodes == 8 and one.get_policy()["trained"]["far"] == 0.6
