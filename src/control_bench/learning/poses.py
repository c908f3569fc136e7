"""Poses (x y z, m, and a quaternion x y z w) as numbers that stay the same however a body is turned about its own axis.

A quaternion's numbers mix with every such turn, which for a pole means nothing, and a network has to learn first how.
Doubles stay doubles: their last digits are a velocity.
"""

import torch


def upright(poses: torch.Tensor) -> torch.Tensor:
    """Poses (batch, ..., 7) as where each is and where its own z axis points (batch, 6 a pose)."""
    x, y, z, w = poses[..., 3:].unbind(-1)
    up = torch.stack([2.0 * (x * z + y * w), 2.0 * (y * z - x * w), 1.0 - 2.0 * (x * x + y * y)], dim=-1)
    return torch.cat([poses[..., :3], up], dim=-1).flatten(1)


def turning(poses: torch.Tensor) -> torch.Tensor:
    """Poses (batch, moments, bodies, 7) as `upright` tells them, and how far each body has turned about its own z axis
    since the moment before: twice the sine of half that angle, which is the angle, rad, as long as it is small."""
    x, y, z, w = poses[:, :-1, :, 3:].unbind(-1)
    i, j, k, r = poses[:, 1:, :, 3:].unbind(-1)  # the turn between is the former's inverse times it
    sine, cosine = w * k - x * j + y * i - z * r, w * r + x * i + y * j + z * k
    return torch.cat([upright(poses), (2.0 * sine * torch.where(cosine < 0.0, -1.0, 1.0)).flatten(1)], dim=1)
