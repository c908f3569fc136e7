"""Crops: the identity is one, gradients are those of finite differences, and what is where by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.grasping.crops import METRES, PIXELS, affine_sample, angle_between, crops, shrink

IDENTITY = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
few = settings(deadline=None, max_examples=40)
turns = st.floats(-math.pi, math.pi)


def pictures(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def grid(height, width):
    """Rows and columns of pixels, (height, width) each."""
    return torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")


def crop_of(depth, centre, angle, at, focal):
    centres, angles, depths = (torch.tensor([one], dtype=depth.dtype) for one in (centre, angle, at))
    return crops(depth, centres, angles, depths, focal)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (32, 32), (480, 640)])
def test_the_identity_gives_the_picture_back(dtype, size):
    given_ones = pictures(2, 3, *size, dtype=dtype)
    taken = affine_sample(given_ones, IDENTITY.to(dtype).expand(2, 2, 3), size)
    assert taken.shape == given_ones.shape
    torch.testing.assert_close(taken, given_ones, rtol=0.0, atol=1e-12 if dtype == torch.float64 else 1e-4)
    exact = affine_sample(given_ones[..., :1, :1], IDENTITY.to(dtype).expand(2, 2, 3), (1, 1))
    assert torch.equal(exact, given_ones[..., :1, :1])


@pytest.mark.parametrize("size", [4, 32])
def test_the_identity_is_exact_where_the_size_is_a_power_of_2(size):
    one = pictures(1, 1, size, size, dtype=torch.float32)
    assert torch.equal(affine_sample(one, IDENTITY, (size, size)), one)


def slow_sample(picture, transform, size):
    """One picture (height, width), pixel by pixel."""
    height, width = picture.shape
    out = np.empty(size)
    for row, column in np.ndindex(*size):
        here = np.array([(2 * column + 1) / size[1] - 1, (2 * row + 1) / size[0] - 1, 1.0])
        x, y = transform @ here
        x, y = np.clip((x + 1) * width / 2 - 0.5, 0, width - 1), np.clip((y + 1) * height / 2 - 0.5, 0, height - 1)
        left, top = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        across, down = x - left, y - top
        upper = (1 - across) * picture[top, left] + across * picture[top, right]
        lower = (1 - across) * picture[bottom, left] + across * picture[bottom, right]
        out[row, column] = (1 - down) * upper + down * lower
    return out


@few
@given(st.tuples(*[st.floats(-2.0, 2.0)] * 6), st.tuples(*[st.integers(1, 6)] * 4))
def test_sampling_is_bilinear_and_goes_on_as_the_edge(numbers, sizes):
    one = pictures(1, 1, *sizes[:2])
    transform = torch.tensor(numbers, dtype=torch.float64).reshape(1, 2, 3)
    taken = affine_sample(one, transform, sizes[2:])[0, 0].numpy()
    expected = slow_sample(one[0, 0].numpy(), transform[0].numpy(), sizes[2:])
    np.testing.assert_allclose(taken, expected, atol=1e-12)


def test_gradients_are_those_of_finite_differences():
    ones = pictures(2, 2, 5, 6, seed=1).requires_grad_()
    transforms = (IDENTITY.double() * 0.6).repeat(2, 1, 1) + 0.2 * pictures(2, 2, 3, seed=2)
    transforms.requires_grad_()
    assert torch.autograd.gradcheck(lambda p, t: affine_sample(p, t, (4, 3)), (ones, transforms))


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
def test_crops_have_gradients_of_finite_differences():
    depth = (0.7 + 0.1 * pictures(7, 8, seed=3)).requires_grad_()
    centres = torch.tensor([[3.3, 2.1], [1.2, 4.4]], dtype=torch.float64).requires_grad_()
    angles = torch.tensor([0.3, -1.1], dtype=torch.float64).requires_grad_()
    depths = torch.tensor([0.71, 0.83], dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda *them: crops(*them, 20.0), (depth, centres, angles, depths))


@few
@given(
    turns, st.tuples(st.floats(100.0, 220.0), st.floats(80.0, 160.0)), st.floats(0.4, 1.0),
    st.sampled_from([200.0, 300.0, 525.0, 790.0]), st.tuples(*[st.floats(-1e-3, 1e-3)] * 2),
)  # fmt: skip
def test_a_crop_of_a_plane_has_the_planes_depths_where_its_pixels_are(angle, centre, at, focal, slope):
    rows, columns = grid(241, 323)  # no multiples of what they are shrunk by
    plane = 0.7 + slope[0] * columns + slope[1] * rows
    crop = crop_of(plane, centre, angle, at, focal)
    pitch = focal * (METRES / PIXELS) / at  # the picture's pixels in one of the crop's
    down, along = (places - (PIXELS - 1) / 2.0 for places in grid(PIXELS, PIXELS))
    u = centre[0] + pitch * (math.cos(angle) * along - math.sin(angle) * down)
    v = centre[1] + pitch * (math.sin(angle) * along + math.cos(angle) * down)
    within = (u > 5) & (u < 310) & (v > 5) & (v < 230)
    assert within.sum() > 100
    torch.testing.assert_close(crop[within], (0.7 + slope[0] * u + slope[1] * v - at)[within], rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.6, math.pi / 2, -1.0])
def test_the_jaws_axis_runs_along_a_crops_rows(angle):
    # A bar along the axis is a level one in the crop.
    rows, columns = grid(480, 640)
    across = -math.sin(angle) * (columns - 300.0) + math.cos(angle) * (rows - 250.0)
    bar = 0.7 - 0.1 * (across.abs() < 12.0).double()
    crop = crop_of(bar, (300.0, 250.0), angle, 0.7, 525.0)
    assert (crop[14:18] < -0.09).all() and (crop[:8].abs() < 1e-9).all() and (crop[-8:].abs() < 1e-9).all()
    # And what is further along it is further to the right.
    ahead = math.cos(angle) * (columns - 300.0) + math.sin(angle) * (rows - 250.0)
    crop = crop_of(0.7 + 1e-4 * ahead, (300.0, 250.0), angle, 0.7, 525.0)
    assert (crop.diff(dim=1) > 0.0).all()


@pytest.mark.parametrize("focal, at", [(262.5, 0.7), (525.0, 0.7), (525.0, 0.4), (1050.0, 0.9), (100.0, 0.5)])
def test_a_box_is_as_many_pixels_wide_whatever_the_camera_and_its_distance(focal, at):
    width = focal * 0.06 / at  # of 60 mm, in the camera's picture
    columns = torch.arange(640.0) - 320.0
    cover = ((width / 2.0 - columns.abs()) + 0.5).clamp(0.0, 1.0)  # of pixels, as much as is in it
    depth = (at - 0.02 * cover).expand(480, 640)
    crop = crop_of(depth, (320.0, 240.0), 0.0, at, focal)
    assert crop.shape == (PIXELS, PIXELS) and METRES / PIXELS == 0.004
    np.testing.assert_allclose((crop / -0.02).sum(dim=1), 15.0, atol=0.35)
    np.testing.assert_allclose(crop[:, 10:22], -0.02, atol=1e-6)


def test_crops_of_one_picture_do_not_depend_on_each_other():
    depth = 0.7 + 0.05 * pictures(60, 80)
    centres = torch.tensor([[30.0, 20.0], [50.5, 40.0], [3.0, 58.0]], dtype=torch.float64)
    angles, depths = torch.tensor([0.1, 2.0, -0.7]).double(), torch.tensor([0.7, 0.72, 0.68]).double()
    together = crops(depth, centres, angles, depths, 525.0)
    for i in range(3):
        alone = crops(depth, centres[i : i + 1], angles[i : i + 1], depths[i : i + 1], 525.0)
        torch.testing.assert_close(together[i : i + 1], alone)


def test_beyond_the_picture_a_crop_goes_on_as_its_edge():
    depth = torch.full((60, 80), 0.7, dtype=torch.float64)
    depth[:, 0] = 0.65
    crop = crop_of(depth, (0.0, 30.0), 0.0, 0.7, 175.0)  # a pixel of the crop is one of the picture
    torch.testing.assert_close(crop[:, :15], torch.full((32, 15), -0.05, dtype=torch.float64))
    torch.testing.assert_close(crop[:, 17:], torch.zeros(32, 15, dtype=torch.float64))


def test_a_camera_so_coarse_that_its_picture_is_smaller_than_a_pixel_of_a_crop():
    crop = crop_of(torch.full((3, 4), 0.7), (1.0, 1.0), 0.3, 0.7, 9000.0)
    torch.testing.assert_close(crop, torch.zeros(PIXELS, PIXELS))


def test_no_grasps_have_no_crops():
    none = torch.empty(0, dtype=torch.float64)
    assert crops(pictures(6, 8), torch.empty(0, 2), none, none, 525.0).shape == (0, PIXELS, PIXELS)


@few
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_shrunk_pixels_are_means_of_whole_squares(height, width, factor):
    one = pictures(height, width)
    if factor > min(height, width):
        return
    small = shrink(one, factor)
    assert small.shape == (height // factor, width // factor)
    for row, column in np.ndindex(*small.shape):
        square = one[factor * row : factor * (row + 1), factor * column : factor * (column + 1)]
        assert small[row, column].item() == pytest.approx(square.mean().item())


def test_nothing_is_shrunk_by_1():
    one = pictures(3, 4)
    assert torch.equal(shrink(one, 1), one)


@given(turns, st.floats(0.1, 500.0))
def test_a_lines_angle_does_not_depend_on_its_direction(angle, long):
    along = long * np.array([math.cos(angle), math.sin(angle)])
    line = torch.tensor(np.array([[(300.0, 200.0), (300.0, 200.0) + along]]))
    found = angle_between(line)
    assert -math.pi / 2 - 1e-9 <= found.item() <= math.pi / 2 + 1e-9
    back = angle_between(line.flip(1))
    for one in (found.item(), back.item()):
        assert math.sin(one - angle) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("end, angle", [((1, 0), 0), ((-1, 0), 0), ((1, 1), 0.25), ((1, -1), -0.25), ((-1, 1), -0.25)])
def test_angles_are_counted_from_right_to_down(end, angle):
    assert angle_between(torch.tensor([[[0.0, 0.0], end]])).item() == pytest.approx(angle * math.pi, abs=1e-6)
