"""Real time's rule, without ROS: what the judgements since the last tick mean to the controller.

A controller that does not learn acts at every tick, judged or not. One that learns acts in judged episodes alone:
between two of them, and where nobody judges, there is nothing to learn from.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from control_bench.controllers.actor import Actor


class Ticker:
    """Lets an actor act once a step.

    Args:
        actor: what acts. observe: readings of one row, and whether they begin an episode, to its observation.
    """

    def __init__(self, actor: Actor, observe: Callable[[dict[str, np.ndarray], bool], np.ndarray]) -> None:
        self._actor, self._observe = actor, observe
        self._judgements: list = []
        self._playing = False
        self._action: Any = None
        self._judged = -1

    def judge(self, stamp: int, judgement) -> None:
        """Takes in a judgement (`Reward`), which counts from the next tick on, and once though it is told again."""
        if stamp != self._judged:
            self._judged = stamp
            self._judgements.append(judgement)

    def interrupt(self) -> None:
        """Ends what is being played, as if nobody had judged it: the sensors fell silent."""
        self._playing = False

    def tick(self, readings: dict[str, np.ndarray], again: bool = False) -> tuple[Any, bool]:
        """The action on the newest readings, None for none, and whether an episode has ended.

        again: whether they are those of the last tick, told again while time stood still. No step has gone by since,
        so they have the same answer, unless an episode begins with them.
        """
        judgements = self._judgements
        start = max((i for i, one in enumerate(judgements) if one.step == 0), default=None)
        if again and start is None:
            return self._action, False
        past = judgements[:start]
        self._judgements = [] if start is None else judgements[start + 1 :]
        last = past[-1] if past else None
        ended = last is not None and (last.terminated or last.truncated)
        action = None
        if self._playing and (start is None or ended):
            terminated, truncated = (last.terminated, last.truncated) if ended else (False, False)
            reward = sum(one.reward for one in past)
            action = self._actor.step(self._observe(readings, False), reward, terminated, truncated)
            self._playing = not ended
        if start is not None or not (self._playing or self._actor.learning):
            seed = 0 if start is None else judgements[start].seed
            action = self._actor.begin(self._observe(readings, True), seed)
            self._playing = True
        self._action = action
        return action, ended
