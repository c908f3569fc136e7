"""Networks of learners, and their variables as arrays for checkpoints and curves."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def mlp(sizes: Iterable[int], activation: str) -> nn.Sequential:
    """Linear layers of these sizes with the activation after each."""
    sizes = list(sizes)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


class QNetwork(nn.Module):
    """Action values (batch, actions) of observations (batch, features), scaled to about -1..1 by the space's bounds.

    Dueling (Wang et al., 2016): a state's value and the actions' advantages, less each state's own mean advantage.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, actions: int, hidden: tuple[int, ...], activation: str,
                 dueling: bool) -> None:  # fmt: skip
        super().__init__()
        bounded = np.isfinite(low) & np.isfinite(high) & (high > low)
        centre, scale = np.where(bounded, (low + high) / 2, 0.0), np.where(bounded, (high - low) / 2, 1.0)
        self.register_buffer("centre", torch.as_tensor(centre, dtype=torch.float32), persistent=False)
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32), persistent=False)
        self.body = mlp((len(low), *hidden), activation)
        width = hidden[-1] if hidden else len(low)
        self.advantages = nn.Linear(width, actions)
        self.value = nn.Linear(width, 1) if dueling else None

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        features = self.body((observation - self.centre) / self.scale)
        advantages = self.advantages(features)
        if self.value is None:
            return advantages
        return self.value(features) + advantages - advantages.mean(dim=1, keepdim=True)


def seeded(make, seed: int):
    """What `make()` builds with torch's generator seeded, leaving the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def get_variables(module: nn.Module) -> dict[str, np.ndarray]:
    """A module's variables by name, copied."""
    return {name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()}


def set_variables(module: nn.Module, variables: dict[str, np.ndarray]) -> None:
    module.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in variables.items()})


def get_optimiser(optimiser: torch.optim.Optimizer) -> list[dict]:
    """An optimiser's memory of each parameter, in order, as arrays."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    return [
        {k: v.detach().cpu().numpy().copy() if torch.is_tensor(v) else v for k, v in optimiser.state[p].items()}
        for p in parameters
    ]


def set_optimiser(optimiser: torch.optim.Optimizer, memory: list[dict]) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for parameter, values in zip(parameters, memory, strict=True):
        optimiser.state[parameter] = {
            k: torch.as_tensor(np.array(v)) if isinstance(v, np.ndarray) else v for k, v in values.items()
        }


def norms(module: nn.Module) -> dict[str, float]:
    """The L2 norm of every variable and of its last gradient."""
    result = {}
    for name, parameter in module.named_parameters():
        result[f"norm/variable/{name}"] = float(parameter.detach().norm())
        if parameter.grad is not None:
            result[f"norm/gradient/{name}"] = float(parameter.grad.norm())
    return result
