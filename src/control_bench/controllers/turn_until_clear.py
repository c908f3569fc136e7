"""A hand-written rule with one bit of memory, the limit that learners are held against.

Drives on until the way ahead is short, then turns towards the longer side, and keeps turning the same way until the
front is clear: the memory is what keeps it from swinging left and right in a corner.
"""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from control_bench.controllers.base import Controller, refuse_unless
from control_bench.settings import require

FORWARD, LEFT, RIGHT = 0, 1, 2


@dataclass(frozen=True)
class TurnUntilClearSettings:
    """Attributes: turn_below, start turning when the front sonar reads less, cm; clear_above, drive on above this,
    cm."""

    turn_below: float = 60.0
    clear_above: float = 80.0

    def __post_init__(self) -> None:
        require(0 < self.turn_below <= self.clear_above, "turn_below should be above 0 and at most clear_above")


class TurnUntilClear(Controller):
    """Observations: front, left and right sonar in cm, as the `raw` encoder gives them without a history."""

    Settings = TurnUntilClearSettings

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._turning = FORWARD

    @classmethod
    def refuses(cls, observation_space, action_space):
        if isinstance(observation_space, spaces.Box) and observation_space.shape != (3,):
            return "it wants three sonars, front, left, right: set encoder: raw and history: 1"
        return refuse_unless(observation_space, action_space, spaces.Box, spaces.Discrete)

    def begin(self, seed: int) -> None:
        super().begin(seed)
        self._turning = FORWARD

    def act(self, observation: np.ndarray) -> int:
        front, left, right = observation
        if self._turning == FORWARD and front < self.settings.turn_below:
            self._turning = LEFT if left > right else RIGHT
        elif self._turning != FORWARD and front > self.settings.clear_above:
            self._turning = FORWARD
        return self._turning
