"""The colours of a GIF: one palette for all frames, in which large even areas keep their very colour.

Pillow chooses the palette; its own way of finding a colour in one is off by a few shades, which tints what is white.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

UNKNOWN = -1


def _codes(picture: Image.Image) -> np.ndarray:
    """A number for each pixel's colour (height, width)."""
    return np.asarray(picture, dtype=np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)


def _colours(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


class Palette:
    """Finds every colour's nearest among the chosen ones.

    Args:
        samples: RGB pictures to choose by, all of one size. count: of colours, at most.
    """

    def __init__(self, samples: Sequence[Image.Image], count: int) -> None:
        codes, often = np.unique(np.concatenate([_codes(one) for one in samples]), return_counts=True)
        together = Image.fromarray(np.concatenate([np.asarray(one) for one in samples]))
        chosen = together.quantize(count, Image.Quantize.MEDIANCUT).getpalette()[: 3 * count]
        chosen = np.unique(np.reshape(chosen, (-1, 3)), axis=0)
        # Of the colours that are nearest to a chosen one, the most frequent takes its place.
        _, places = cKDTree(chosen).query(_colours(codes))
        for place in np.unique(places):
            mine = np.flatnonzero(places == place)
            chosen[place] = _colours(codes[mine[np.argmax(often[mine])]])
        self._tree, self._bytes = cKDTree(chosen), chosen.astype(np.uint8).tobytes()
        self._known = np.full(1 << 24, UNKNOWN, np.int16)

    def __call__(self, picture: Image.Image) -> Image.Image:
        """A picture in the palette's colours, of mode P."""
        codes = _codes(picture)
        places = self._known[codes]
        if (places == UNKNOWN).any():
            fresh = np.unique(codes[places == UNKNOWN])
            self._known[fresh] = self._tree.query(_colours(fresh))[1]
            places = self._known[codes]
        done = Image.fromarray(places.astype(np.uint8))  # of mode L, until it gets its palette
        done.putpalette(self._bytes)
        return done
