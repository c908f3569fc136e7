"""Pictures that are moved a little: by how much, and what comes into view."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from control_bench.learning.augment import shifted


def moved(picture, down, across):
    """A picture (height, width, channels) moved by hand, by padding it with its edges."""
    most = max(abs(down), abs(across))
    wide = np.pad(picture, ((most, most), (most, most), (0, 0)), mode="edge")
    return wide[most + down :][: picture.shape[0], most + across :][:, : picture.shape[1]]


@given(st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_each_picture_is_moved_by_so_many_pixels_at_most(most, seed):
    pictures = np.random.default_rng(1).integers(0, 256, (5, 7, 9, 2)).astype(np.uint8)
    out = shifted(pictures, most, np.random.default_rng(seed))
    assert out.shape == pictures.shape and out.dtype == np.uint8
    span = range(-most, most + 1)
    for one, picture in zip(out, pictures, strict=True):
        assert any(np.array_equal(one, moved(picture, down, across)) for down in span for across in span)


def test_every_way_is_drawn_as_often():
    pictures = np.tile(np.arange(49, dtype=np.uint8).reshape(7, 7, 1), (9000, 1, 1, 1))
    middles = shifted(pictures, 1, np.random.default_rng(0))[:, 3, 3, 0]
    ways, counts = np.unique(middles, return_counts=True)
    assert ways.tolist() == [16, 17, 18, 23, 24, 25, 30, 31, 32]
    assert (abs(counts - 1000) < 120).all()
