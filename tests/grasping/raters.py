"""Grasp quality networks made by hand, whose judgement is known."""

import torch
from torch import nn

from control_bench.grasping.crops import METRES, PIXELS
from control_bench.grasping.gqcnn import RELIEF, SmallNetwork


class Rule(SmallNetwork):
    """A network of one layer: something is between the jaws, and nothing where they come down; the deeper the
    better.

    Args:
        opening: m, of the jaws; thickness: m, of what they are on either side.
    """

    def __init__(self, opening=0.05, thickness=0.01):
        super().__init__(0.0)
        away = (torch.arange(PIXELS) - (PIXELS - 1) / 2.0) * METRES / PIXELS
        x, y = away[None].abs(), away[:, None].abs()
        between = (x < 0.006) & (y < 0.008)
        jaws = (x > opening / 2.0) & (x < opening / 2.0 + thickness) & (y < 0.01)
        beside = (x > 0.017) & (x < opening / 2.0) & (y < 0.014)
        weights = 0.3 * jaws / jaws.sum() - between / between.sum() + 0.5 * beside / beside.sum()
        layer = nn.Conv2d(1, 2, PIXELS, stride=self.stride)
        with torch.no_grad():
            layer.weight[:] = torch.stack([-weights, weights])[:, None] * 4.0
            layer.bias[:] = torch.tensor([1.6, -1.6])
        self.layers = layer.eval()


class Slow(SmallNetwork):
    """One that says the same of every grasp, and takes its time by a clock that it moves itself.

    Args:
        clock: a list of one number, s. each: s, that a batch takes.
    """

    def __init__(self, clock, each):
        super().__init__(0.0)
        self.clock, self.each, self.batches = clock, each, []

    def forward(self, crops, depths):
        self.clock[0] += self.each
        self.batches.append(len(crops))
        return torch.zeros(len(crops), 2)


assert RELIEF > 0.03  # what the rule is made of is within it
