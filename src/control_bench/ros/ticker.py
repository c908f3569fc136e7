"""Real time's rule, without ROS: what the judgements since the last tick mean to the controller.

A controller that does not learn acts at every tick, judged or not. One that learns acts in judged episodes alone:
between two of them, and where nobody judges, there is nothing to learn from.

It ticks by the controller's own clock, as for STDR, or with every moment of a world that goes by steps, told by its
stamp.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from control_bench.controllers.actor import Actor
from control_bench.ros.collector import PENDING
from control_bench.worlds.base import Readings

REST = 1_000_000_000
"""ns: after an episode of a world that goes by steps, who does not learn waits for the next one for so long at most.
What was thought out between the two would be late for the first command of the second."""


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
        self._moments: dict[int, Readings] = {}  # of who learns: those that are not judged yet, by their stamps
        # Stamps: of the newest judgement; until when the next episode is waited for.
        self.acted = self._judged = self._rests_until = -1

    def judge(self, stamp: int, judgement) -> None:
        """Takes in a judgement (`Reward`) of the moment of a stamp, ns: once, though it may be told again."""
        if stamp != self._judged:
            self._judged = stamp
            self._judgements = [*self._judgements[1 - PENDING :], (stamp, judgement)]

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
            judged = self._newest_judged()
            if judged is None:
                return (self._action if stamp == self.acted else None), False
            stamp, readings = judged, self._moments[judged]
            self._moments = {at: one for at, one in self._moments.items() if at > judged}
        due = [one for one in self._judgements if one[0] <= stamp]
        if stamp == self.acted and all(one.step for _, one in due):
            return self._action, False
        self.acted, self._judgements = stamp, self._judgements[len(due) :]
        action, ended = self._play(readings, due, not self._actor.learning and stamp >= self._rests_until)
        if ended:
            self._rests_until = stamp + REST
        return action, ended

    def _keep(self, readings: Readings, stamp: int) -> None:
        """Of a moment that is yet to be judged."""
        if stamp > self.acted:
            self._moments[stamp] = readings
            if len(self._moments) > PENDING:
                del self._moments[min(self._moments)]

    def _newest_judged(self) -> int | None:
        """The newest moment that is judged; but none is passed over with which an episode begins or ends, or which is
        the first seen after that."""
        newest = None
        for stamp in sorted(self._moments):
            known = [one for at, one in self._judgements if at <= stamp]
            bounds = any(one.step == 0 or one.terminated or one.truncated for one in known)
            if bounds or stamp in [at for at, _ in self._judgements]:
                newest = stamp
            if bounds:
                break
        return newest

    def _play(self, readings: Readings, due: list[tuple[int, Any]], free: bool) -> tuple[Any, bool]:
        """Acts on what was judged up to now; what was judged after a beginning is left for the next tick. free: whether
        it may act though nobody judges."""
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
