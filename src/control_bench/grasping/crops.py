"""Pictures of grasps: what a camera saw around a grip point, turned so that the jaws close along the rows.

A crop is PIXELS x PIXELS and METRES wide at the grasp's depth, whatever the camera's focal length and distance; its
values are depths less the grasp's, m. So a network that was trained with one camera reads another's.
"""

import math

import torch
import torch.nn.functional as F

PIXELS = 32
METRES = 0.128
"""The paper's crop: 96 pixels of its camera at 0.7 m."""


def affine_sample(pictures: torch.Tensor, transforms: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Pictures (b, c, height, width) under affine transforms (b, 2, 3), as (b, c, *size); differentiable in both.

    The spatial transformer's sampler (Jaderberg et al. 2015), bilinear. Coordinates go from -1 to 1 from the outer edge
    of the first pixel to that of the last, so that the identity gives the picture back; what lies outside goes on as
    the edge.
    """
    grid = F.affine_grid(transforms, [len(transforms), pictures.shape[1], *size], align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def shrink(picture: torch.Tensor, factor: int) -> torch.Tensor:
    """A picture (height, width) of the means of so many by so many pixels; what is over at the ends is left out."""
    return picture if factor == 1 else F.avg_pool2d(picture[None, None], factor)[0, 0]


def crops(
    depth: torch.Tensor, centres: torch.Tensor, angles: torch.Tensor, depths: torch.Tensor, focal: float
) -> torch.Tensor:
    """The crops (n, PIXELS, PIXELS), m, of grasps in a depth picture (height, width), m, without holes.

    Args:
        centres: (n, 2), pixels (column, row). angles: (n,), rad, of the jaws' axis in the picture, from right to down.
        depths: (n,), m, of the grip points. focal: length, pixels.
    """
    if not len(depths):
        return depth.new_empty(0, PIXELS, PIXELS)
    scales = focal * METRES / PIXELS / depths  # the picture's pixels in one of a crop
    factor = min(max(round(float(scales.median())), 1), *depth.shape)
    small = shrink(depth, factor)
    height, width = small.shape
    middle = (centres + 0.5) / factor  # in pixels of the smaller picture, from its edge
    half = scales * PIXELS / (2.0 * factor)
    cos, sin = half * torch.cos(angles), half * torch.sin(angles)
    rows = [
        torch.stack([2 * cos / width, -2 * sin / width, 2 * middle[:, 0] / width - 1], dim=1),
        torch.stack([2 * sin / height, 2 * cos / height, 2 * middle[:, 1] / height - 1], dim=1),
    ]
    # The picture is repeated in name only, so that one picture's grasps cost no copies of it.
    pictures = small.expand(len(depths), 1, height, width)
    taken = affine_sample(pictures, torch.stack(rows, dim=1), (PIXELS, PIXELS))[:, 0]
    return taken - depths[:, None, None]


def angle_between(pixels: torch.Tensor) -> torch.Tensor:
    """Angles (n,) of lines between pairs of pixels (n, 2, 2), rad, from right to down, -pi/2 to pi/2."""
    across = pixels[:, 1] - pixels[:, 0]
    angle = torch.atan2(across[:, 1], across[:, 0])
    return torch.remainder(angle + math.pi / 2.0, math.pi) - math.pi / 2.0
