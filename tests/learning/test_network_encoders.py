"""Encoders of networks: each kind's scale by hand, what turns out of the way, and that the measure is kept."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.learning.encoders import FLOOR, EncoderSettings, Numbers, Pictures, is_picture, make_encoder
from control_bench.learning.networks import get_variables, set_variables

POSES = spaces.Box(-np.inf, np.inf, (2, 2, 7), np.float64)
ANGLE = st.floats(-3.1, 3.1)

pytestmark = pytest.mark.usefixtures("one_thread")


def free(*shape):
    return spaces.Box(-np.inf, np.inf, shape, np.float64)


def fitted(preprocess, observations, space=None):
    encoder = Numbers(space or free(*observations.shape[1:]), preprocess)
    encoder.fit(observations)
    return encoder


def encoded(encoder, observations):
    with torch.no_grad():
        return encoder(torch.as_tensor(observations)).numpy()


def mixed(count=4000, seed=0):
    """Numbers (count, 3) that go together, about 5, -2 and 0, of no great difference in spread."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 3)) @ [[1.0, 0.4, 0.0], [0.0, 0.9, -0.5], [0.0, 0.0, 0.8]] + [5.0, -2.0, 0.0]


def poses(count=500, seed=0, lean=0.3):
    """Observations (count, 2, 2, 7) of bodies that lean this way and that and have turned as they like."""
    rng = np.random.default_rng(seed)
    places = rng.normal(0.0, 0.2, (count, 2, 2, 3))
    turns = rng.uniform((-lean, -lean, -np.pi), (lean, lean, np.pi), (count * 4, 3))
    return np.concatenate([places, Rotation.from_euler("xyz", turns).as_quat().reshape(count, 2, 2, 4)], axis=-1)


# By bounds.


def test_bounds_become_minus_1_and_1():
    space = spaces.Box(np.array([-2.0, 0.0, 5.0], np.float32), np.array([2.0, 8.0, 6.0], np.float32))
    encoder = Numbers(space, "bounds")
    numbers = np.array([[-2.0, 8.0, 5.5], [2.0, 0.0, 6.0], [1.0, 2.0, 7.0]], np.float32)
    np.testing.assert_allclose(encoded(encoder, numbers), [[-1, 1, 0], [1, -1, 1], [0.5, -0.5, 3]], rtol=1e-6)


def test_numbers_without_bounds_stay_as_they_are():
    inf = np.inf
    space = spaces.Box(np.array([-inf, 0.0, -inf, 3.0]), np.array([inf, inf, 1.0, 3.0]), dtype=np.float64)
    numbers = np.array([[-7.0, 5.0, 0.5, 3.0]])
    np.testing.assert_allclose(encoded(Numbers(space, "bounds"), numbers), numbers)


def test_bounds_are_no_measure():
    encoder = fitted("bounds", mixed())
    np.testing.assert_allclose(encoded(encoder, mixed(5)), mixed(5), rtol=1e-6)
    assert get_variables(encoder) == {}  # nothing that a policy would need


def test_numbers_of_any_shape_become_one_row():
    encoder = Numbers(free(2, 3), "bounds")
    numbers = np.arange(12.0).reshape(2, 2, 3)
    assert encoder.width == 6 and encoded(encoder, numbers).tolist() == numbers.reshape(2, 6).tolist()


# Measured.


@pytest.mark.parametrize("preprocess", ["standardise", "whiten"])
def test_what_is_measured_has_no_mean_and_unit_variance(preprocess):
    features = encoded(fitted(preprocess, mixed()), mixed())
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(features.var(axis=0), 1.0, atol=1e-3)


def test_whitened_numbers_do_not_go_together_and_standardised_ones_do():
    apart, together = (np.corrcoef(encoded(fitted(how, mixed()), mixed()).T) for how in ("whiten", "standardise"))
    np.testing.assert_allclose(apart, np.eye(3), atol=1e-3)
    np.testing.assert_allclose(together, np.corrcoef(mixed().T), atol=1e-3)


def test_whitening_is_by_hand_a_turn_and_a_scale():
    # (a + b, a - b) with spreads of 2 and 1: turned back by 45 degrees, smallest first, the largest share positive.
    rng = np.random.default_rng(1)
    data = rng.normal(size=(1000, 2))
    data = (data - data.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(data.T))).T  # of exactly no correlation
    along, across = np.array([1.0, 1.0]) / np.sqrt(2), np.array([1.0, -1.0]) / np.sqrt(2)
    encoder = fitted("whiten", 2.0 * data[:, :1] * along + data[:, 1:] * across + [3.0, 4.0])
    features = encoded(encoder, np.array([[3.0, 4.0] + 2.0 * along, [3.0, 4.0] + across]))
    np.testing.assert_allclose(np.abs(features), [[0.0, 1.0], [1.0, 0.0]], atol=1e-3)
    turn = get_variables(encoder)["turn"]
    assert (turn[np.abs(turn).argmax(axis=0), range(2)] > 0).all()


def test_what_hardly_varies_is_not_blown_up():
    data = np.random.default_rng(2).normal(size=(4000, 2)) * [1.0, 1e-4] + [0.0, 7.0]
    for preprocess in ("standardise", "whiten"):
        spread = np.sort(encoded(fitted(preprocess, data), data).std(axis=0))
        np.testing.assert_allclose(spread, [1e-4 / np.sqrt(FLOOR), 1.0], rtol=0.1)


@pytest.mark.parametrize("preprocess", ["standardise", "whiten", "upright", "turning"])
def test_what_does_not_vary_at_all_becomes_0(preprocess):
    same = np.tile(poses(1), (50, 1, 1, 1))
    features = encoded(fitted(preprocess, same), same)
    np.testing.assert_allclose(features, 0.0, atol=1e-5)


def test_small_differences_of_doubles_survive_whitening():
    small = 1e-5 * np.random.default_rng(3).normal(size=(2000, 2))
    data = 1.0 + small
    features = encoded(fitted("whiten", data), data)
    np.testing.assert_allclose(features.var(axis=0), 1.0, atol=0.01)
    turned = (small - small.mean(axis=0)) @ np.linalg.eigh(np.cov(small.T))[1]
    for ours, theirs in zip(features.T, turned.T, strict=True):
        assert abs(np.corrcoef(ours.astype(float), theirs)[0, 1]) > 1.0 - 1e-7  # rounded to floats first: 1 - 6e-6


def test_a_velocity_between_two_moments_survives_whitening():
    # A place of spread 0.2 m now and 1/48 s before: at speeds of 0.05 m/s they differ by 1 mm.
    rng = np.random.default_rng(4)
    place, speed = rng.normal(0.0, 0.2, 3000), rng.normal(0.0, 0.05, 3000)
    data = np.stack([1.0 + place, 1.0 + place + speed / 48], axis=1)
    features = encoded(fitted("whiten", data), data)
    assert max(abs(np.corrcoef(feature, speed)[0, 1]) for feature in features.T) > 0.99


# Upright.


def test_upright_tells_where_a_body_is_and_where_its_axis_points():
    where = poses(20)
    encoder = Numbers(POSES, "upright")  # not yet fitted: as they come
    up = Rotation.from_quat(where[..., 3:].reshape(-1, 4)).as_matrix()[:, :, 2].reshape(20, 2, 2, 3)
    expected = np.concatenate([where[..., :3], up], axis=-1).reshape(20, -1)
    assert encoder.width == 24
    np.testing.assert_allclose(encoded(encoder, where), expected, atol=1e-6)


@settings(deadline=None)
@given(lean=st.tuples(ANGLE, ANGLE, ANGLE), turn=ANGLE, sign=st.sampled_from([1, -1]))
def test_upright_ignores_a_turn_about_a_bodys_own_axis(lean, turn, sign):
    encoder = fitted("upright", poses(100))
    body = Rotation.from_euler("xyz", lean)
    one, other = np.zeros((2, 1, 2, 2, 7))
    one[..., 3:] = body.as_quat()
    other[..., 3:] = sign * (body * Rotation.from_euler("z", turn)).as_quat()
    np.testing.assert_allclose(encoded(encoder, one), encoded(encoder, other), atol=1e-4)


def test_upright_does_not_ignore_a_lean():
    encoder = fitted("upright", poses())
    one = np.zeros((1, 2, 2, 7))
    one[..., 6] = 1.0
    other = one.copy()
    other[..., 1, 3:] = Rotation.from_euler("y", 0.1).as_quat()
    assert np.abs(encoded(encoder, one) - encoded(encoder, other)).max() > 0.3


def test_upright_whitens():
    features = encoded(fitted("upright", poses(4000)), poses(4000))
    assert features.shape == (4000, 24)
    # The axis' height varies by 0.03 where the places do by 0.2; what hardly varies stays below 1.
    assert features.var(axis=0).max() < 1.001 and np.median(features.var(axis=0)) > 0.99
    np.testing.assert_allclose(np.corrcoef(features.T), np.eye(24), atol=0.01)


@pytest.mark.parametrize("shape", [(6,), (7, 2), (2, 2, 8), ()])
@pytest.mark.parametrize("preprocess", ["upright", "turning"])
def test_poses_are_asked_for_where_they_are_needed(preprocess, shape):
    with pytest.raises(BadInput, match=rf"{preprocess} is for poses .* take whiten") as caught:
        make_encoder(free(*shape), EncoderSettings(preprocess=preprocess))
    assert str(shape) in str(caught.value) and "\n" not in str(caught.value)


# Turning.


@settings(deadline=None)
@given(lean=st.tuples(ANGLE, ANGLE, ANGLE), turn=ANGLE, signs=st.tuples(*[st.sampled_from([1, -1])] * 2))
def test_turning_tells_how_far_a_body_has_turned_about_its_own_axis(lean, turn, signs):
    before = Rotation.from_euler("xyz", lean)
    where = np.zeros((1, 2, 1, 7))
    where[0, 0, 0, 3:] = signs[0] * before.as_quat()
    where[0, 1, 0, 3:] = signs[1] * (before * Rotation.from_euler("z", turn)).as_quat()
    encoder = Numbers(free(2, 1, 7), "turning")  # not yet fitted: as it comes
    features = encoded(encoder, where)[0]
    assert encoder.width == len(features) == 13
    assert features[-1] == pytest.approx(2.0 * np.sin(turn / 2.0), abs=1e-5)


def test_turning_tells_the_rest_as_upright_does():
    where = poses(20)
    np.testing.assert_array_equal(
        encoded(Numbers(POSES, "turning"), where)[:, :24], encoded(Numbers(POSES, "upright"), where)
    )


def test_turning_tells_of_every_two_moments_and_every_body():
    where = np.concatenate([poses(10), poses(10, seed=1)], axis=1)  # four moments
    turns = encoded(Numbers(free(4, 2, 7), "turning"), where)[:, 48:].reshape(10, 3, 2)
    for moment in range(3):
        for body in range(2):
            pair = where[:, moment : moment + 2, body : body + 1]
            alone = encoded(Numbers(free(2, 1, 7), "turning"), pair)[:, -1]
            np.testing.assert_array_equal(turns[:, moment, body], alone)


def test_turning_wants_moments_and_bodies_told_apart():
    with pytest.raises(BadInput, match=r"turning is for poses \(moments, bodies, 7\), not \(4, 7\)"):
        make_encoder(free(4, 7), EncoderSettings(preprocess="turning"))


# The measure is a part of the policy.


@pytest.mark.parametrize("preprocess", ["standardise", "whiten", "upright", "turning"])
def test_the_measure_goes_with_the_variables(preprocess):
    encoder, other = fitted(preprocess, poses(), POSES), Numbers(POSES, preprocess)
    assert np.abs(encoded(other, poses(5)) - encoded(encoder, poses(5))).max() > 0.1
    variables = {name: values.tolist() for name, values in get_variables(encoder).items()}
    assert variables.keys() >= {"shift", "scale"}
    set_variables(other, {name: np.array(values, np.float32) for name, values in variables.items()})
    np.testing.assert_array_equal(encoded(other, poses(5)), encoded(encoder, poses(5)))


@pytest.mark.parametrize("preprocess", ["standardise", "whiten", "upright", "turning"])
def test_no_gradient_goes_to_the_measure(preprocess):
    assert list(fitted(preprocess, poses(50), POSES).parameters()) == []


# Pictures.


@pytest.mark.parametrize(
    ("size", "filters", "width"),
    [(50, (16, 32), 4 * 4 * 32), (50, (10,), 11 * 11 * 10), (84, (4, 4, 8), 7 * 7 * 8), (16, (4,), 3 * 3 * 4),
     (8, (5,), 5)],
)  # fmt: skip
def test_pictures_shrink_by_the_windows_and_their_steps(size, filters, width):
    space = spaces.Box(0, 255, (size, size, 3), np.uint8)
    encoder = make_encoder(space, EncoderSettings(filters=filters))
    assert isinstance(encoder, Pictures) and encoder.width == width
    assert encoded(encoder, np.zeros((5, size, size, 3), np.uint8)).shape == (5, width)


@pytest.mark.parametrize("moments", [1, 2, 3])
def test_before_their_measure_bytes_become_minus_1_to_1_and_earlier_ones_what_changed_since(moments):
    encoder = Pictures(spaces.Box(0, 255, (20, 16, 6), np.uint8), (5,), moments)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 20, 16, 6)).astype(np.uint8)
    shown = shown_by_hand(pictures, moments)
    shown[..., -6 // moments :] -= 1.0
    np.testing.assert_allclose(encoded(encoder, pictures), convolved(encoder, shown), atol=1e-5)


def shown_by_hand(pictures, moments):
    """Shares of the middle of a byte's range; of the earlier moments, what has changed since."""
    each, scaled = 6 // moments, []
    newest = pictures[..., -each:] / 127.5
    for moment in range(moments - 1):
        scaled.append(newest - pictures[..., moment * each : (moment + 1) * each] / 127.5)
    return np.concatenate([*scaled, newest], axis=-1)


def convolved(encoder, shown):
    with torch.no_grad():
        return encoder.convolutions(torch.as_tensor(shown, dtype=torch.float32).permute(0, 3, 1, 2)).flatten(1)


@pytest.mark.parametrize("moments", [1, 2, 3])
def test_pictures_are_shown_as_what_differs_on_the_scale_that_each_channel_varies_by(moments):
    encoder = Pictures(spaces.Box(0, 255, (20, 16, 6), np.uint8), (5,), moments)
    rng = np.random.default_rng(1)
    background, strength = rng.integers(60, 180, (20, 16, 6)), np.array([60, 3, 20, 40, 10, 5])
    seen = (background + strength * rng.uniform(-1, 1, (300, 20, 16, 6))).astype(np.uint8)
    encoder.fit(seen)
    shown = shown_by_hand(seen, moments)
    standard = shown - shown.mean(axis=0)
    standard /= standard.std(axis=(0, 1, 2))
    np.testing.assert_allclose(encoded(encoder, seen), convolved(encoder, standard), atol=2e-4)


@pytest.mark.parametrize("moments", [1, 2, 3])
def test_noise_like_what_was_seen_has_its_measure(moments):
    encoder = Pictures(spaces.Box(0, 255, (20, 16, 6), np.uint8), (5,), moments)
    rng = np.random.default_rng(1)
    picture = 120.0 + 20.0 * rng.standard_normal((200, 20, 16, 1, 6 // moments))
    seen = picture + 4.0 * rng.standard_normal((200, 20, 16, moments, 6 // moments))
    encoder.fit(seen.reshape(200, 20, 16, 6).astype(np.uint8))
    measure = encoder.mean.clone(), encoder.spread.clone()
    encoder.fit(encoder.like_seen(300, rng))
    np.testing.assert_allclose(encoder.mean, measure[0], atol=8.0)
    np.testing.assert_allclose(encoder.spread, measure[1], rtol=0.05)


def test_a_channel_that_stays_as_it_is_is_not_blown_up():
    encoder = Pictures(spaces.Box(0, 255, (12, 8, 2), np.uint8), (1,))
    seen = np.random.default_rng(0).integers(0, 256, (50, 12, 8, 2)).astype(np.uint8)
    seen[..., 0] = 93
    encoder.fit(seen)
    other = seen.copy()
    other[..., 0] = 94
    assert np.isfinite(encoded(encoder, seen)).all()
    assert np.abs(encoded(encoder, seen) - encoded(encoder, other)).max() < 0.2


def test_a_filter_sees_its_channel_and_its_place():
    encoder = Pictures(spaces.Box(0, 255, (12, 8, 2), np.uint8), (1,))
    weight, bias = encoder.parameters()
    with torch.no_grad():  # one more than the pixel in row 2 and column 3 of the window, in the second channel
        weight.zero_()
        weight[0, 1, 2, 3] = 1.0
        bias.fill_(1.0)
    picture = np.zeros((1, 12, 8, 2), np.uint8)
    picture[0, :, :, 0] = 255
    assert encoded(encoder, picture).tolist() == [[0.0, 0.0]]
    picture[0, 6, 3, 1] = 255  # of the second window, which begins 4 rows further down
    assert encoded(encoder, picture).tolist() == [[0.0, 2.0]]


def test_bytes_with_a_height_a_width_and_channels_are_pictures():
    assert is_picture(spaces.Box(0, 255, (8, 8, 3), np.uint8))
    assert not is_picture(spaces.Box(0, 255, (8, 8), np.uint8)) and not is_picture(spaces.Box(0, 255, (8, 8, 3)))
    assert not is_picture(spaces.Discrete(3))
    assert isinstance(make_encoder(spaces.Box(0, 255, (8,), np.uint8), EncoderSettings()), Numbers)


# What it refuses.


def test_pictures_too_small_for_the_filters_are_refused():
    with pytest.raises(BadInput, match=r"\(16, 16, 3\) are too small for 2 filters: give fewer") as caught:
        make_encoder(spaces.Box(0, 255, (16, 16, 3), np.uint8), EncoderSettings(filters=(4, 4)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("filters", "told"),
    [((0,), "counts above 0"), ((16, -1), "counts above 0"), ((4, 4, 4, 4), "1 to 3"), ((), "1 to 3")],
)
def test_filters_that_make_no_sense_are_refused(filters, told):
    with pytest.raises(BadInput, match=f"filters should be .*{told}"):
        EncoderSettings(filters=filters)
