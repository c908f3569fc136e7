"""Noise of depth cameras: as large as it says, shared as it says, and none where there is no depth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.errors import BadInput
from control_bench.grasping.depth_noise import DepthNoise, upsampling

FLAT = np.full((30, 42), 0.7)
few = settings(deadline=None, max_examples=40)


def rng(seed=0):
    return np.random.default_rng(seed)


def told(noise, count, depth=FLAT, seed=0):
    drawing = rng(seed)
    return np.stack([noise.apply(depth, drawing) for _ in range(count)])


def test_the_factor_is_1_on_average_and_off_by_one_over_the_root_of_its_shape():
    for shape in (1000.0, 100.0):
        noise, drawing = DepthNoise(gamma_shape=shape), rng()
        factors = np.array([noise.factor(drawing) for _ in range(20_000)])
        assert factors.mean() == pytest.approx(1.0, abs=4.0 / np.sqrt(shape * 20_000))
        assert factors.std() == pytest.approx(shape**-0.5, rel=0.02)


def test_a_whole_picture_is_off_by_one_factor():
    depth = np.linspace(0.5, 0.9, 12).reshape(3, 4)
    pictures = told(DepthNoise(gamma_shape=100.0, deviation=0.0), 500, depth)
    factors = pictures / depth
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1, :1], factors.shape))
    assert factors[:, 0, 0].std() == pytest.approx(0.1, rel=0.15)


def test_errors_are_as_large_as_told_where_they_are_drawn():
    errors = told(DepthNoise(gamma_shape=0.0, deviation=0.005, cell=1), 200) - FLAT
    assert errors.mean() == pytest.approx(0.0, abs=1e-4) and errors.std() == pytest.approx(0.005, rel=0.01)
    # Each pixel its own: nothing of one is in the next.
    assert np.corrcoef(errors[:, :, :-1].ravel(), errors[:, :, 1:].ravel())[0, 1] == pytest.approx(0.0, abs=0.01)


def test_neighbouring_pixels_share_errors_and_distant_ones_do_not():
    errors = told(DepthNoise(gamma_shape=0.0, deviation=0.005, cell=4), 3000) - FLAT
    assert errors.mean(axis=0) == pytest.approx(0.0, abs=6e-4)

    def alike(down, across):
        return np.corrcoef(errors[:, 13, 17], errors[:, 13 + down, 17 + across])[0, 1]

    assert alike(0, 1) > 0.8 and alike(1, 0) > 0.8 and 0.2 < alike(0, 3) < 0.8
    assert all(abs(alike(*far)) < 0.08 for far in ((0, 17), (16, 0), (16, 17)))
    # As large as the weights of the numbers that are drawn make them.
    rows, columns = upsampling(8, 4)[:30], upsampling(11, 4)[:42]
    expected = 0.005 * np.sqrt(np.outer((rows**2).sum(axis=1), (columns**2).sum(axis=1)))
    np.testing.assert_allclose(errors.std(axis=0), expected, rtol=0.07)


@given(st.integers(0, 2**32 - 1))
def test_what_is_0_stays_0(seed):
    depth = rng(seed).uniform(0.5, 1.0, (9, 11)) * (rng(seed).random((9, 11)) < 0.7)
    noisy = DepthNoise(deviation=0.05).apply(depth, rng(seed))
    assert noisy.shape == depth.shape
    np.testing.assert_array_equal(noisy == 0.0, depth == 0.0)


def test_without_noise_a_picture_stays_as_it_is():
    np.testing.assert_array_equal(DepthNoise(0.0, 0.0).apply(FLAT, rng()), FLAT)


def test_one_seed_draws_the_same():
    one, again, other = (DepthNoise().apply(FLAT, rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).all()


@few
@given(st.integers(1, 12), st.integers(1, 6))
def test_what_is_even_stays_even(cells, factor):
    matrix = upsampling(cells, factor)
    assert matrix.shape == (cells * factor, cells)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)  # no side is another


@few
@given(st.integers(4, 12), st.integers(1, 6), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_a_ramp_stays_a_ramp_inside(cells, factor, slope, start):
    places = (np.arange(cells * factor) + 0.5) / factor - 0.5
    drawn = upsampling(cells, factor) @ (start + slope * np.arange(cells))
    inside = (places >= 1.0) & (places <= cells - 2.0)
    assert inside.any()
    np.testing.assert_allclose(drawn[inside], (start + slope * places)[inside], atol=1e-9)


def test_interpolation_is_keys_cubic():
    # A quarter of the way from the second of four numbers to the third, by the kernel with a = -1/2.
    np.testing.assert_allclose(upsampling(4, 2)[3], [-0.0703125, 0.8671875, 0.2265625, -0.0234375], atol=1e-12)
    np.testing.assert_array_equal(upsampling(4, 1), np.eye(4))


@pytest.mark.parametrize("wrong", [{"gamma_shape": -1.0}, {"deviation": -0.1}, {"cell": 0}])
def test_what_can_not_be_is_refused(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        DepthNoise(**wrong)
