"""Real time's rule, without ROS: what the judgements since the last tick mean to the controller.

A controller that does not learn acts at every tick, judged or not, but for a while after an episode: whoever judged it
begins the next. One that learns acts in judged episodes alone: between two of them, and where nobody judges, there is
nothing to learn from.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from control_bench.controllers.actor import Actor
from control_bench.ros.collector import PENDING
from control_bench.worlds.base import Readings

REST = 1_000_000_000
"""ns after an episode in which the next is waited for: what was thought meanwhile would be an answer to neither."""


class Ticker:
    """Lets an actor act once a step.

    Args:
        actor: what acts. observe: readings of one row, and whether they begin an episode, to its observation.

    Attributes:
        acted: the stamp of the moment that was acted on last, -1 for none.
    """

    def __init__(self, actor: Actor, observe: Callable[[Readings, bool], np.ndarray]) -> None:
        self._actor, self._observe = actor, observe
        self._judgements: list[tuple[int, Any]] = []
        self._playing = False
        self._action: Any = None
        self._moments: dict[int, Readings] = {}
        self.acted = self._rested = self._judged = -1

    def judge(self, stamp: int, judgement) -> None:
        """Takes in a judgement (`Reward`) of the moment of a stamp, ns: once, though it may be told again."""
        if stamp != self._judged:
            self._judged = stamp
            self._judgements.append((stamp, judgement))

    def interrupt(self) -> None:
        """Ends what is being played, as if nobody had judged it: the sensors fell silent."""
        self._playing = False

    def tick(self, readings: Readings) -> tuple[Any, bool]:
        """By the controller's own clock: the action on the newest readings, None for none, and whether an episode has
        ended."""
        due, self._judgements = self._judgements, []
        return self._play(readings, due, not self._actor.learning)

    def step(self, readings: Readings, stamp: int) -> tuple[Any, bool]:
        """As `tick`, where every moment is a step, and this is of that stamp, ns.

        What was judged of later moments counts when they come. One who learns acts on a moment once it is judged,
        though there may be newer ones by then. A moment that is told again has the answer that it had, unless an
        episode begins with it.
        """
        if self._actor.learning:
            self._keep(readings, stamp)
            judged = min((at for at, _ in self._judgements if at in self._moments), default=None)
            if judged is None:
                return (self._action if stamp == self.acted else None), False
            stamp, readings = judged, self._moments[judged]
            self._moments = {at: one for at, one in self._moments.items() if at > judged}
        due = [one for one in self._judgements if one[0] <= stamp]
        if stamp == self.acted and all(one.step for _, one in due):
            return self._action, False
        self.acted, self._judgements = stamp, self._judgements[len(due) :]
        action, ended = self._play(readings, due, not self._actor.learning and stamp >= self._rested)
        if ended:
            self._rested = stamp + REST
        return action, ended

    def _keep(self, readings: Readings, stamp: int) -> None:
        """Of a moment that is yet to be judged."""
        if stamp > self.acted:
            self._moments[stamp] = readings
            if len(self._moments) > PENDING:
                del self._moments[min(self._moments)]

    def _play(self, readings: Readings, due: list[tuple[int, Any]], free: bool) -> tuple[Any, bool]:
        """free: whether it may begin what nobody judges."""
        start = max((i for i, (_, one) in enumerate(due) if one.step == 0), default=None)
        past = [one for _, one in due[:start]]
        self._judgements = ([] if start is None else due[start + 1 :]) + self._judgements
        last = past[-1] if past else None
        ended = last is not None and (last.terminated or last.truncated)
        action = None
        if self._playing and (start is None or ended):
            terminated, truncated = (last.terminated, last.truncated) if ended else (False, False)
            reward = sum(one.reward for one in past)
            action = self._actor.step(self._observe(readings, False), reward, terminated, truncated)
            self._playing = not ended
        if start is not None or (free and not self._playing and not ended):
            seed = 0 if start is None else due[start][1].seed
            action = self._actor.begin(self._observe(readings, True), seed)
            self._playing = True
        self._action = action
        return action, ended
