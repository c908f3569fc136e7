"""Lets a controller play episodes, learning as it goes or not: the same steps in-process and over ROS."""

from typing import Any

import numpy as np

from control_bench.controllers.base import Controller, Learner, Transitions
from control_bench.errors import BadInput


class Actor:
    """Turns observations and rewards into actions, one episode after another.

    Args:
        controller: any; with `learning`, a Learner, which explores and is told every transition.
    """

    def __init__(self, controller: Controller, learning: bool = False) -> None:
        if learning and not isinstance(controller, Learner):
            raise BadInput(f"{type(controller).__name__} does not learn: leave learning off, or take a Learner")
        if learning and controller.wants_state:
            mend = "set privileged to false, or train it by `control-bench train`"
            raise BadInput(f"{type(controller).__name__} learns of a state that nobody tells while it drives: {mend}")
        self.controller, self.learning = controller, learning
        self._observation: np.ndarray | None = None
        self._action: Any = None

    def get_state(self) -> dict:
        """What a learner saw and did last; `set_state` takes it back."""
        return {"observation": self._observation, "action": None if self._action is None else np.asarray(self._action)}

    def set_state(self, state: dict) -> None:
        self._observation, self._action = state["observation"], state["action"]

    def begin(self, observation: np.ndarray, seed: int) -> Any:
        """The first action of the episode that starts from `seed`."""
        if not self.learning:
            self.controller.begin(seed)
            return self.controller.act(observation)
        if self._observation is not None:  # the gap between two episodes, which a replay must not learn from
            self._learn(observation, 0.0, False, False, valid=False)
        return self._explore(observation)

    def step(self, observation: np.ndarray, reward: float, terminated: bool, truncated: bool) -> Any:
        """The next action, or None where the episode is over."""
        ended = terminated or truncated
        if not self.learning:
            return None if ended else self.controller.act(observation)
        self._learn(observation, reward, terminated, truncated, valid=True)
        action = self._explore(observation)  # drawn at the end too, as a vector environment's learner does
        return None if ended else action

    def _explore(self, observation: np.ndarray) -> Any:
        self._observation, self._action = observation, self.controller.explore(observation[None])[0]
        return self._action

    def _learn(self, observation, reward: float, terminated: bool, truncated: bool, valid: bool) -> None:
        self.controller.learn(
            Transitions(
                self._observation[None],
                np.asarray(self._action)[None],
                np.array([reward]),
                observation[None],
                np.array([terminated]),
                np.array([truncated]),
                np.array([valid]),
            )  # fmt: skip
        )
