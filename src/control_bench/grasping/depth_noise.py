"""The noise of depth cameras: a factor that a whole picture is off by, and errors that neighbouring pixels share.

Source: Mahler et al. 2017, Dex-Net 2.0: y = alpha y' + epsilon; alpha of a gamma distribution with mean 1, epsilon a
Gaussian process, which its code draws as normal numbers a few pixels apart with bicubic interpolation between.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from control_bench.settings import require, require_positive


@dataclass(frozen=True)
class DepthNoise:
    """gamma_shape: alpha's, its deviation is one over the root of it; 0 for none. deviation: of epsilon where it is
    drawn, m. cell: pixels from one number drawn to the next."""

    gamma_shape: float = 1000.0
    deviation: float = 0.005
    cell: int = 4

    def __post_init__(self) -> None:
        require(self.gamma_shape >= 0 and self.deviation >= 0, "noise: gamma_shape and deviation should be 0 or more")
        require_positive(self, "cell")

    def factor(self, rng: np.random.Generator) -> float:
        """A picture's alpha."""
        return float(rng.gamma(self.gamma_shape, 1.0 / self.gamma_shape)) if self.gamma_shape else 1.0

    def apply(self, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A depth picture (height, width), m, as a camera tells it; what is 0 stays so."""
        height, width = (-(-edge // self.cell) for edge in depth.shape)
        drawn = rng.normal(0.0, self.deviation, (height, width)) if self.deviation else np.zeros((height, width))
        errors = upsampling(height, self.cell)[: len(depth)] @ drawn @ upsampling(width, self.cell)[: depth.shape[1]].T
        return np.where(depth > 0.0, self.factor(rng) * depth + errors, 0.0)


@lru_cache(maxsize=16)
def upsampling(cells: int, factor: int) -> np.ndarray:
    """The matrix (cells * factor, cells) of bicubic interpolation (Keys 1981, a = -0.5), the edge's value beyond it."""
    matrix = np.zeros((cells * factor, cells))
    places = (np.arange(cells * factor) + 0.5) / factor - 0.5
    first = np.floor(places).astype(int)
    for offset in (-1, 0, 1, 2):
        away = np.abs(places - first - offset)
        near = 1.5 * away**3 - 2.5 * away**2 + 1.0
        far = -0.5 * away**3 + 2.5 * away**2 - 4.0 * away + 2.0
        columns = np.clip(first + offset, 0, cells - 1)
        np.add.at(matrix, (np.arange(len(places)), columns), np.where(away <= 1.0, near, far))
    return matrix
