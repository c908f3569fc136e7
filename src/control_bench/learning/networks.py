"""Networks of learners, and their variables as arrays for checkpoints and curves."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def mlp(sizes: Iterable[int], activation: str) -> nn.Sequential:
    """Linear layers of these sizes with the activation after each."""
    sizes = list(sizes)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


class QNetwork(nn.Module):
    """Action values (batch, actions) of observations.

    Dueling (Wang et al., 2016): a state's value and the actions' advantages, less each state's own mean advantage.
    """

    def __init__(
        self, encoder: nn.Module, actions: int, hidden: tuple[int, ...], activation: str, dueling: bool
    ) -> None:
        super().__init__()
        self.encoder = encoder
        sizes = (encoder.width, *hidden)
        self.body = mlp(sizes, activation)
        self.advantages = nn.Linear(sizes[-1], actions)
        self.value = nn.Linear(sizes[-1], 1) if dueling else None

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        features = self.body(self.encoder(observation))
        advantages = self.advantages(features)
        if self.value is None:
            return advantages
        return self.value(features) + advantages - advantages.mean(dim=1, keepdim=True)


class Trunks(nn.Module):
    """Perceptrons of one shape side by side, each with layers of its own: features (batch, inputs) to (count, batch,
    outputs). One product of matrices a layer serves them all, where small networks spend their time on calls.

    norm: whether each hidden layer's sums are put on one scale (layer normalisation, without variables of its own;
    Ba et al., 2016), which keeps values from running away where nothing was seen (Bhatt et al., 2024).
    """

    def __init__(
        self, count: int, inputs: int, hidden: tuple[int, ...], outputs: int, activation: str, norm: bool = False
    ) -> None:
        super().__init__()
        self._norm = norm
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        sizes = (inputs, *hidden, outputs)
        for before, after in zip(sizes[:-1], sizes[1:], strict=True):
            bound = before**-0.5  # as torch's own linear layers begin
            self.weights.append(nn.Parameter(torch.empty(count, before, after).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(count, 1, after).uniform_(-bound, bound)))
        self._activate = ACTIVATIONS[activation]()

    def forward(self, features: torch.Tensor, which: slice = slice(None)) -> torch.Tensor:
        """Of those trunks alone that are asked for."""
        weights, biases = [w[which] for w in self.weights], [b[which] for b in self.biases]
        out = features.expand(len(weights[0]), *features.shape)
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            if layer:
                out = self._activate(functional.layer_norm(out, out.shape[-1:]) if self._norm else out)
            out = torch.baddbmm(bias, out, weight)
        return out


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
            k: _laid_out_as(parameter, torch.as_tensor(np.array(v))) if isinstance(v, np.ndarray) else v
            for k, v in values.items()
        }


def _laid_out_as(parameter: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """In the parameter's order in memory, which fused optimisers go by, if there is one for each of its numbers."""
    return torch.empty_like(parameter).copy_(values) if values.shape == parameter.shape else values


def norms(module: nn.Module, prefix: str = "") -> dict[str, float]:
    """The L2 norm of every variable and of its last gradient."""
    result = {}
    for name, parameter in module.named_parameters():
        result[f"norm/variable/{prefix}{name}"] = float(parameter.detach().norm())
        if parameter.grad is not None:
            result[f"norm/gradient/{prefix}{name}"] = float(parameter.grad.norm())
    return result
