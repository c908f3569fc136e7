"""Normalised advantage functions: Q-learning for actions that are numbers (Gu et al., 2016).

The value of an action is a state's value less a parabola about the best action,
Q(x, u) = V(x) - (u - mu(x))ᵀ L(x) L(x)ᵀ (u - mu(x)) / 2, with L lower triangular and its diagonal positive. So the best
action is mu, without a search, and one network is trained as in Q-learning. Source of the first settings: matpalm's
cartpole++ (2016), whose trunks for V, mu and L are separate too; `values` above 1 takes the least of so many V of what
lies ahead (Fujimoto et al., 2018).

With `privileged`, Q is learned of what a simulation knows, and what acts is a network of its own that sees what a robot
sees: an asymmetric actor-critic (Pinto et al., 2018). Q is then of going on as that network does: by the best that one
who sees all could do, nearly every state is worth the same, and nothing is left for it to climb.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from control_bench.errors import BadInput
from control_bench.learning.continuous import ActorNetwork, ContinuousLearner, ContinuousSettings
from control_bench.learning.encoders import make_encoder
from control_bench.learning.networks import Trunks
from control_bench.learning.replay import Batch
from control_bench.settings import require_positive

STEEPEST = 2.5
"""Of L's numbers, and the logarithms of those on its diagonal: a parabola that may grow as steep as it will drags the
values with it beyond all bounds, which was seen."""


@dataclass(frozen=True)
class NAFSettings(ContinuousSettings):
    """Attributes, beside those of the replay and the noise:

    values: how many trunks there are of the value, beside the best action's and the parabola's. privileged: learn Q of
        the task's state, and act by a network of observations that climbs it.
    """

    hidden: tuple[int, ...] = (128, 128)
    values: int = 2
    privileged: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "values")


class NAFNetwork(nn.Module):
    """V (values, batch), mu (batch, numbers) in -1..1 and L (batch, numbers, numbers) of observations."""

    def __init__(self, encoder: nn.Module, numbers: int, settings: NAFSettings) -> None:
        super().__init__()
        s, self.encoder, self.numbers, self.values = settings, encoder, numbers, settings.values
        below = torch.tril_indices(numbers, numbers, -1)
        self.trunks = Trunks(s.values + 2, encoder.width, s.hidden, numbers + below.shape[1], s.activation, s.norm)
        with torch.no_grad():  # the first actions are about the middle, as in the article
            self.trunks.weights[-1][s.values].uniform_(-1e-3, 1e-3)
            self.trunks.biases[-1][s.values].zero_()
        self.register_buffer("_below", below, persistent=False)

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        return self.trunks(self.encoder(observation), slice(self.values))[:, :, 0]

    def mean(self, observation: torch.Tensor) -> torch.Tensor:
        wanted = slice(self.values, self.values + 1)
        return torch.tanh(self.trunks(self.encoder(observation), wanted)[0, :, : self.numbers])

    def q_value(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Q (values, batch) of actions (batch, numbers)."""
        out = self.trunks(self.encoder(observation))
        mean, shape = torch.tanh(out[-2, :, : self.numbers]), STEEPEST * torch.tanh(out[-1] / STEEPEST)
        lower = torch.diag_embed(shape[:, : self.numbers].exp())
        lower[:, self._below[0], self._below[1]] = shape[:, self.numbers :]
        off = ((action - mean)[:, None] @ lower)[:, 0]
        return out[: self.values, :, 0] - 0.5 * (off**2).sum(dim=1)


class NAF(ContinuousLearner):
    """For Box observations, numbers or pictures, and Box actions."""

    Settings = NAFSettings

    @property
    def acting(self) -> tuple[str, ...]:
        return ("actor",) if self.wants_state else ("network",)

    @property
    def wants_state(self) -> bool:
        return self.settings.privileged

    @property
    def wanted(self) -> tuple[str, ...]:
        seen = ("next_observation", "observation") if self.actor_due else ("next_observation",)
        return (*super().wanted, *(seen if self.wants_state else ()))

    @property
    def actor_due(self) -> bool:
        return self.wants_state and super().actor_due

    def make_networks(self):
        s, numbers = self.settings, int(np.prod(self.action_space.shape))
        if not self.wants_state:
            return {"network": NAFNetwork(self.make_encoder(), numbers, s)}
        if self.state_space is None:
            raise BadInput("privileged: the task has no state but what is observed: set privileged to false")
        return {
            "network": NAFNetwork(make_encoder(self.state_space, s), numbers, s),
            "actor": ActorNetwork(self.make_encoder(), numbers, s),
        }

    def best(self, observation: torch.Tensor) -> torch.Tensor:
        if self.wants_state:
            return self.networks["actor"](observation)
        return self.networks["network"].mean(observation)

    def look_ahead(self, batch: Batch):
        return replace(batch, next_action=self.greedy(batch.next_observation)) if self.wants_state else batch

    def learn_from(self, batch: Batch):
        here, ahead = (torch.as_tensor(getattr(batch, name)) for name in (self.judged, f"next_{self.judged}"))
        with torch.no_grad():
            target, following = self.targets["network"], batch.next_action
            value = target.value(ahead) if following is None else target.q_value(ahead, self.unit(following))
            goal = self.goal(batch, value.amin(dim=0))
        q_values = self.networks["network"].q_value(here, self.unit(batch.action))
        loss = self.loss_of(q_values, goal, batch)
        self.descend("network", loss)
        return (goal - q_values).mean(dim=0), {"loss": float(loss.detach()), "q_value": float(q_values.detach().mean())}

    def learn_to_act(self, batch: Batch) -> None:
        if not self.actor_due:
            return
        action = self.networks["actor"](torch.as_tensor(batch.observation))
        q_values = self.networks["network"].q_value(torch.as_tensor(batch.state), action)
        self.descend("actor", -q_values[0].mean())
