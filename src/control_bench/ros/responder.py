"""Lockstep's rule for a controller, without ROS: which moments it can answer, and with what.

Every moment is answered once, an episode's last one too. A learner needs the moment's judgement for it. Who does not
learn needs it only where an episode may begin, and else answers while the moment is judged.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from control_bench.controllers.actor import Actor
from control_bench.ros.collector import PENDING
from control_bench.worlds.base import Readings


class Responder:
    """Hears of moments and judgements in the order of their stamps, which may be far ahead of each other.

    Args:
        actor: told of every step. observe: what it sees, of readings and whether they begin an episode.
        step: between two moments of an episode, ns; an episode that was cut short leaves a gap (lockstep.py).
    """

    def __init__(self, actor: Actor, observe: Callable[[Readings, bool], Any], step: int) -> None:
        self._actor, self._observe, self._step = actor, observe, step
        self._sensed: deque[tuple[int, Readings]] = deque(maxlen=PENDING)
        self._judgements: dict[int, Any] = {}
        self._begun = False

    def sense(self, stamp: int, readings: Readings) -> None:
        """All sensors of a moment have come; stamp: ns."""
        self._sensed.append((stamp, readings))

    def judge(self, stamp: int, judgement) -> None:
        """A judgement (a Reward) has come."""
        self._judgements[stamp] = judgement

    def actions(self) -> Iterator[Any]:
        """The answers to the moments that can be answered by now; None, to keep still, for the last one of a learner's
        episode, and in one whose beginning was not seen."""
        while self._sensed:
            stamp, readings = self._sensed[0]
            judgement, before = self._judgements.get(stamp), self._judgements.get(stamp - self._step)
            goes_on = before is not None and not (before.terminated or before.truncated)
            known = judgement is not None or (goes_on and not self._actor.learning)
            if not known and max(self._judgements, default=0) < stamp:
                return
            self._sensed.popleft()
            self._judgements = {at: one for at, one in self._judgements.items() if at >= stamp}
            if known:  # else a later one was judged instead: it was the last of an episode cut short
                yield self._act(readings, judgement)

    def _act(self, readings: Readings, judgement) -> Any:
        first = judgement is not None and judgement.step == 0
        observation = self._observe(readings, first)
        self._begun |= first
        if first:
            return self._actor.begin(observation, judgement.seed)
        if not self._begun:
            return None
        if self._actor.learning:
            return self._actor.step(observation, judgement.reward, judgement.terminated, judgement.truncated)
        return self._actor.step(observation, 0.0, False, False)  # the same, however early the judgement comes
