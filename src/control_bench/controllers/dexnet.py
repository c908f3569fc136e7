"""Dex-Net: the grasp that a grasp quality network thinks best of a depth picture.

Source: Mahler et al. 2017, Dex-Net 2.0; fully convolutional after Satish et al. 2019.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces

from control_bench.controllers.base import Trainable
from control_bench.controllers.grasping import GraspController, Planned
from control_bench.errors import BadInput
from control_bench.grasping.camera import Camera
from control_bench.grasping.crops import PIXELS
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.fully_convolutional import fully_convolutional
from control_bench.grasping.gqcnn import Architecture, entropies, make_network, quality
from control_bench.grasping.gripper import Gripper, gripper_of
from control_bench.grasping.planners import (
    RATED_AT_ONCE,
    Planner,
    PlannerSettings,
    Rater,
    crops_of,
    cross_entropy,
    rank,
)
from control_bench.grasping.training_settings import GraspTrainingSettings
from control_bench.settings import require

PLANNERS: dict[str, Planner] = {"cem": cross_entropy, "ranking": rank, "fully_convolutional": fully_convolutional}
SURE = 8
"""Of the best grasps, from which the surest is taken where dropout tells how sure the network is."""


@dataclass(frozen=True)
class DexNetSettings(PlannerSettings):
    """See PlannerSettings.

    Attributes:
        architecture: small, ours; code or paper, Dex-Net's in its two sizes.
        planner: cem, the cross-entropy method; ranking, of antipodal grasps; fully_convolutional, of all there are.
        dropout: of the network, in training. passes: with dropout, over the best grasps, of which then the surest is
            taken; 0 for none.
    """

    architecture: Architecture = "small"
    planner: Literal["cem", "ranking", "fully_convolutional"] = "cem"
    dropout: float = 0.0
    passes: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0.0 <= self.dropout < 1.0, f"dropout: {self.dropout!r} should be 0 or more, and below 1")
        require(self.passes >= 0, "passes: should be 0 or more")
        require(self.dropout > 0.0 or not self.passes, "passes: without dropout they are all alike: set dropout")
        require(
            self.planner != "fully_convolutional" or self.architecture == "small",
            "planner: fully_convolutional needs a network of convolutions alone: set architecture=small",
        )


class DexNet(GraspController, Trainable):
    """Its policy is the network, which is trained on a data set and no task's."""

    Settings = DexNetSettings
    Training = GraspTrainingSettings
    trainer = "control_bench.grasping.training:GraspTrainer"
    of_task = False

    def __init__(
        self, observation_space: spaces.Space, action_space: spaces.Space, settings: DexNetSettings | None = None,
        seed: int = 0, camera: Camera | None = None, gripper: Gripper | None = None,
    ) -> None:  # fmt: skip
        super().__init__(observation_space, action_space, settings, seed, camera, gripper)
        s = self.settings
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = make_network(s.architecture, s.dropout).eval()
        self.trained: dict[str, Any] = {}

    def plan(self, image: DepthImage) -> Planned:
        s = self.settings
        # Where the world waits there is all the time: an episode must not depend on how busy a machine is.
        rater = Rater(self.network, image, np.inf if self.deadline is None else min(s.budget, self.deadline))
        PLANNERS[s.planner](rater, self.gripper, s, self.rng)
        planned = Planned(*rater.best())
        return self._surest(rater, planned) if s.passes and len(planned.grasps) else planned

    def _surest(self, rater: Rater, planned: Planned) -> Planned:
        """With the one of the best put first that passes with dropout think best: the more probable of two outcomes is,
        the less is the predictive entropy."""
        best = planned.grasps[:SURE]
        with torch.random.fork_rng():
            torch.manual_seed(int(self.rng.integers(2**62)))  # of dropout
            mean, _ = entropies(self.network, *crops_of(rater.image, best), self.settings.passes)
        first = int(mean.argmax())
        order = np.r_[first, np.delete(np.arange(len(planned.qualities)), first)]
        return replace(planned, grasps=planned.grasps[order], qualities=planned.qualities[order])

    def get_policy(self) -> dict:
        weights = {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}
        return {"network": weights, "trained": self.trained}

    def set_policy(self, policy: dict) -> None:
        trained = policy["trained"]
        if self.gripper is not None and trained and not gripper_of(trained["gripper"]).alike(self.gripper):
            raise BadInput(
                f"its network was trained for the gripper {trained['gripper']}, not {self.gripper.name}: take a hand "
                "with that, or train on a data set of this one"
            )
        weights = {name: torch.as_tensor(np.asarray(value)) for name, value in policy["network"].items()}
        self.network.load_state_dict(weights)
        self.trained = dict(trained)
        # A network's first pass takes many times as long as the others, and would eat up a budget.
        quality(self.network, torch.zeros(RATED_AT_ONCE, PIXELS, PIXELS), torch.ones(RATED_AT_ONCE))
