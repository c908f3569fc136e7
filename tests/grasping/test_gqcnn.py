"""Grasp quality networks: their sizes, what they see of a picture, and how sure they are."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from control_bench.grasping.crops import PIXELS
from control_bench.grasping.gqcnn import RELIEF, Normalised, entropies, make_network, quality

pytestmark = pytest.mark.usefixtures("one_thread")
ARCHITECTURES = ["small", "code", "paper"]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def network(architecture, dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return make_network(architecture, dropout).eval()


def drawn(count, seed=1):
    """Crops like those of things 40 mm high on a table, and depths."""
    rng = np.random.default_rng(seed)
    crops = torch.as_tensor(rng.uniform(-0.03, 0.03, (count, PIXELS, PIXELS)), dtype=torch.float32)
    return crops, torch.as_tensor(rng.uniform(0.6, 0.75, count), dtype=torch.float32)


@pytest.mark.parametrize("architecture, count", [("code", 5_442_914), ("paper", 18_025_826)])
def test_dex_nets_networks_have_as_many_parameters_as_theirs(architecture, count):
    assert sum(weights.numel() for weights in make_network(architecture).parameters()) == count


@every_architecture
def test_every_network_tells_failure_and_success_of_every_crop(architecture):
    model, (crops, depths) = network(architecture), drawn(3)
    logits = model(crops, depths)
    assert logits.shape == (3, 2)
    torch.testing.assert_close(quality(model, crops, depths), logits.softmax(dim=1)[:, 1])


@every_architecture
def test_weights_begin_as_normal_numbers_cut_at_two_deviations_and_biases_at_nothing(architecture):
    for layer in network(architecture).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weights, inputs = layer.weight.detach(), layer.weight[0].numel()
            deviation = math.sqrt(2.0 / inputs)
            assert not layer.bias.any() and weights.abs().max() <= 2.0 * deviation
            if weights.numel() > 5000:
                # A normal number cut at two deviations has 0.8796 of one.
                assert float(weights.std()) == pytest.approx(0.8796 * deviation, rel=0.03)
                assert float(weights.mean()) == pytest.approx(0.0, abs=0.05 * deviation)


def test_the_local_response_is_normalised_by_tensorflows_formula():
    # Of tf.nn.local_response_normalization(x, depth_radius=2, bias=1, alpha=2e-5, beta=0.75), as gqcnn has it: there
    # alpha goes for the sum of squares, not for their mean.
    layers = [layer for layer in make_network("code").modules() if isinstance(layer, nn.LocalResponseNorm)]
    values = torch.as_tensor(np.random.default_rng(0).normal(0.0, 100.0, (2, 64, 3, 3)), dtype=torch.float32)
    expected = torch.empty_like(values)
    for channel in range(64):
        near = values[:, max(channel - 2, 0) : channel + 3]
        expected[:, channel] = values[:, channel] / (1.0 + 2e-5 * (near**2).sum(dim=1)) ** 0.75
    assert layers and (expected / values - 1.0).abs().max() > 0.1
    for layer in layers:
        torch.testing.assert_close(layer(values), expected)


@pytest.mark.parametrize("architecture, pools", [("code", 2), ("paper", 1)])
def test_a_response_is_normalised_before_it_is_pooled(architecture, pools):
    kinds = [type(layer).__name__ for layer in make_network(architecture).picture]
    assert kinds.count("Pool") == pools and kinds.count("LocalResponseNorm") == 2
    for place in (place for place, kind in enumerate(kinds) if kind == "Pool"):
        assert kinds[place - 1] == "LocalResponseNorm"


def test_small_knows_nothing_of_the_distance():
    model, (crops, depths) = network("small"), drawn(4)
    assert torch.equal(model(crops, depths), model(crops, depths + 0.3))
    assert not torch.allclose(model(crops, depths), model(crops + 0.01, depths))  # the gripper is as high as it is


def test_small_knows_no_more_of_what_is_far_above_and_below():
    model, (crops, depths) = network("small"), drawn(1)
    for side in (-1.0, 1.0):
        some, more = crops.clone(), crops.clone()
        some[:, :8], more[:, :8] = side * RELIEF, side * 9.0
        assert torch.equal(model(some, depths), model(more, depths))


@pytest.mark.parametrize("architecture", ["code", "paper"])
def test_dex_nets_networks_see_picture_and_depth_as_the_camera_tells_them(architecture):
    model, (crops, depths) = network(architecture), drawn(50)
    assert not torch.allclose(model(crops, depths), model(crops, depths + 0.3))
    model.measure(crops, depths)
    for found, told in ((model.image, crops + depths[:, None, None]), (model.depth, depths)):
        assert float(found.mean) == pytest.approx(float(told.mean())) and float(found(told).std()) == pytest.approx(1.0)
    # What goes in is the picture itself: another grip point on the same picture differs by its depth alone.
    inputs = []
    model.picture.register_forward_hook(lambda module, given, out: inputs.append(given[0]))
    model(crops, depths), model(crops - 0.01, depths + 0.01)
    torch.testing.assert_close(inputs[0], inputs[1])
    torch.testing.assert_close(
        inputs[0][:, 0] * model.image.deviation + model.image.mean, crops + depths[:, None, None]
    )


def test_what_was_measured_is_kept_with_the_weights():
    one, other = Normalised(), Normalised()
    values = torch.tensor([1.0, 2.0, 6.0])
    assert torch.equal(one(values), values)
    one.measure(values)
    other.load_state_dict(one.state_dict())
    told = other(values)
    torch.testing.assert_close(told, (values - 3.0) / torch.tensor(7.0).sqrt())


def test_qualities_are_the_same_however_many_come_at_once():
    model, (crops, depths) = network("small"), drawn(10)
    torch.testing.assert_close(quality(model, crops, depths, batch=3), quality(model, crops, depths, batch=64))
    assert quality(model, *drawn(0)).shape == (0,)


def test_the_entropy_is_that_of_the_mean_over_dropout():
    model, (crops, depths) = network("small", 0.5), drawn(20)
    torch.manual_seed(3)
    mean, entropy = entropies(model, 3.0 * crops, depths, 8)
    expected = [-(p * math.log(p) + (1 - p) * math.log(1 - p)) for p in mean.double().tolist()]
    np.testing.assert_allclose(entropy, expected, atol=1e-5)
    assert (entropy > 0.0).all() and (entropy <= math.log(2.0) + 1e-6).all()
    # Two goes drop out others, and the mean of many is nearer to that of many others.
    few, many = ([entropies(model, 3.0 * crops, depths, passes)[0] for _ in range(2)] for passes in (2, 60))
    assert (many[0] - many[1]).std() < 0.5 * (few[0] - few[1]).std()


def test_without_dropout_every_pass_is_alike():
    model, (crops, depths) = network("small"), drawn(5)
    torch.testing.assert_close(entropies(model, crops, depths, 3)[0], quality(model, crops, depths))


@pytest.mark.parametrize("logits, expected", [((20.0, -20.0), 0.0), ((-20.0, 20.0), 0.0), ((0.0, 0.0), math.log(2.0))])
def test_a_sure_network_has_no_entropy_and_one_that_knows_nothing_has_log_2(logits, expected):
    model = network("small", 0.5)
    model.layers[-1].weight.data.zero_()
    model.layers[-1].bias.data[:] = torch.tensor(logits)
    assert entropies(model, *drawn(2), 3)[1].tolist() == pytest.approx([expected] * 2, abs=1e-6)


@every_architecture
def test_dropout_is_off_again_after_entropies(architecture):
    model, told = network(architecture, 0.5), drawn(2)
    before = quality(model, *told)
    entropies(model, *told, 2)
    assert not any(layer.training for layer in model.modules())
    assert torch.equal(quality(model, *told), before)
