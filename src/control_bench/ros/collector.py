"""Puts together the messages of one moment."""

from collections import deque
from typing import Any

PENDING = 64
"""Moments that may be incomplete at once; the oldest is given up for another."""
Moment = dict[str, list[Any]]
"""By topic, as many messages as a moment has of it, the oldest first."""


class Newest:
    """Real time: the newest messages of each topic.

    Args:
        counts: how many messages a moment has of each topic. pace: where there is one, a moment is complete when a
            message of it comes; else, whenever one of any comes. fresh: and every topic has brought as many new ones
            since the moment before. What the pace's message overtook on the way completes its moment, not the next.
    """

    def __init__(self, counts: dict[str, int], pace: str | None = None, fresh: bool = False) -> None:
        self._counts, self._pace, self._fresh, self.stamp = counts, pace, fresh, -1
        self._messages = {topic: deque(maxlen=count) for topic, count in counts.items()}
        self._missing = dict(counts)  # by topic, how many are yet to come
        self._due = -1  # the newest stamp of the pace

    def add(self, topic: str, stamp: int, message: Any) -> Moment | None:
        """As `Collector.add`."""
        self._messages[topic].append(message)
        self._missing[topic] -= 1
        if self._pace is None or topic == self._pace:
            self._due = stamp
        elif stamp > self._due or not self._fresh:
            return None
        if any(missing > 0 for missing in self._missing.values()):
            return None
        self.stamp = self._due
        if self._fresh:
            self._missing = dict(self._counts)
        return {name: list(those) for name, those in self._messages.items()}


class Collector:
    """Lockstep: waits for the messages of some topics that belong to one moment.

    The last message of each has the moment's stamp; where there are several, the others lie within the step before it.
    Messages of one topic come in order, so moments are completed in order, even when several are on their way at
    once, as from a bag; what is older than the last complete moment is forgotten.

    Args:
        counts: how many messages a moment has of each topic. step: from one moment to the next, ns.
    """

    def __init__(self, counts: dict[str, int], step: int) -> None:
        self._counts, self._step, self._total = counts, step, sum(counts.values())
        self.stamp = -1
        self._pending: dict[int, dict[str, dict[int, Any]]] = {}

    def add(self, topic: str, stamp: int, message: Any) -> Moment | None:
        """The messages of each topic where this one completes its moment, else None. stamp: ns."""
        moment = stamp if self._total == len(self._counts) else -(-stamp // self._step) * self._step
        if moment <= self.stamp:
            return None
        messages = self._pending.setdefault(moment, {})
        messages.setdefault(topic, {})[stamp] = message  # one that is sent again counts once
        if sum(map(len, messages.values())) < self._total:
            if len(self._pending) > PENDING:
                del self._pending[min(self._pending)]
            return None
        self.stamp = moment
        self._pending = {later: those for later, those in self._pending.items() if later > moment}
        return {name: [those[at] for at in sorted(those)] for name, those in messages.items()}
