"""A recurrent network of two layers, as augmented Hessian-free training (DeWolf, 2015) has it.

Inputs go to both layers, each of which also hears itself a step ago; outputs are linear. What a layer hears of itself
at the first step is learned.
"""

import torch
from torch import nn


class RecurrentPolicy(nn.Module):
    """Made of `nn.Linear` alone, so that `curvature.jacobian` can take its derivatives apart by sample.

    Args:
        inputs, units, outputs: sizes.
    """

    def __init__(self, inputs: int, units: int, outputs: int) -> None:
        super().__init__()
        self.first, self.skip = nn.Linear(inputs, units), nn.Linear(inputs, units, bias=False)
        self.second = nn.Linear(units, units)
        self.again = nn.ModuleList([nn.Linear(units, units, bias=False) for _ in range(2)])
        self.begin = nn.ModuleList([nn.Linear(1, units, bias=False) for _ in range(2)])
        self.out = nn.Linear(units, outputs)
        self.double()

    def reset(self, generator: torch.Generator, spread: float, inputs: int = 15) -> None:
        """Sparse initial weights (Martens, 2010): a unit hears `inputs` others by N(0, spread^2), biases are zero."""
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    units, width = layer.weight.shape
                    heard = torch.rand(units, width, generator=generator).argsort(dim=1) < min(inputs, width)
                    drawn = torch.randn(units, width, generator=generator, dtype=torch.float64)
                    layer.weight.copy_(spread * heard * drawn)
                    if layer.bias is not None:
                        layer.bias.zero_()
            for layer in (*self.again, self.out):
                layer.weight.mul_(0.3)  # so that at first the memory fades and the torques are small

    def forward(self, observed: torch.Tensor, memory: tuple[torch.Tensor, ...] | None):
        """Outputs (rows, outputs) for inputs (rows, inputs), and the memory, which is None before the first step."""
        if memory is None:
            one = torch.ones(len(observed), 1, dtype=observed.dtype)
            heard = [begin(one) for begin in self.begin]
        else:
            heard = [again(unit) for again, unit in zip(self.again, memory, strict=True)]
        first = torch.tanh(self.first(observed) + heard[0])
        second = torch.tanh(self.skip(observed) + self.second(first) + heard[1])
        return self.out(second), (first, second)
