"""Goes where the sonar that sees furthest points. Source: drivebot (matpalm's blog, 2016), its baseline."""

import numpy as np
from gymnasium import spaces

from control_bench.controllers.base import Controller, refuse_unless


class FurthestSonar(Controller):
    """The action of the same number as the furthest sonar, as the `furthest` encoder tells it without a history."""

    @classmethod
    def refuses(cls, observation_space, action_space):
        if isinstance(observation_space, spaces.MultiDiscrete) and observation_space.shape != (1,):
            return "it wants one state: set encoder: furthest and history: 1"
        return refuse_unless(observation_space, action_space, spaces.MultiDiscrete, spaces.Discrete)

    def act(self, observation: np.ndarray) -> int:
        """observation: the furthest sonar's number (1,)."""
        return int(observation[0])
