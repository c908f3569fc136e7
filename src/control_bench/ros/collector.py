"""Puts together the messages of one moment."""

from collections import deque
from typing import Any

PENDING = 64
"""Moments that may be incomplete at once; the oldest is given up for another."""
BACKLOG = 2000
"""Messages of a topic that wait for those of others, of who is to miss none; the oldest are given up for new ones."""
Moment = dict[str, list[Any]]
"""By topic, as many messages as a moment has of it, the oldest first."""


class Newest:
    """Real time: the newest messages of each topic.

    Args:
        counts: how many messages a moment has of each topic. pace: where there is one, a moment is complete when a
            message of it comes; else, whenever one of any comes. fresh: and every topic has brought as many new ones
            since the moment before. What the pace's message overtook on the way completes its moment, not the next.
            What is sent again is not new, and a moment whose pace is sent again is given again.
    """

    def __init__(self, counts: dict[str, int], pace: str | None = None, fresh: bool = False) -> None:
        self._counts, self._pace, self._fresh, self.stamp = counts, pace, fresh, -1
        self._messages = {topic: deque(maxlen=count) for topic, count in counts.items()}
        self._missing = dict(counts)  # by topic, how many are yet to come
        self._due = -1  # the newest stamp of the pace
        self._given: Moment = {}  # the last moment, and the topics and stamps of its messages
        self._told: set[tuple[str, int]] = set()

    def add(self, topic: str, stamp: int, message: Any) -> Moment | None:
        """As `Collector.add`."""
        if stamp and (topic, stamp) in self._told:
            return self._given if topic == self._pace else None
        self._messages[topic].append((stamp, message))
        self._missing[topic] -= 1
        if self._pace is None or topic == self._pace:
            self._due = stamp
        elif stamp > self._due or not self._fresh:
            return None
        if any(missing > 0 for missing in self._missing.values()):
            return None
        self.stamp = self._due
        moment = {name: [one for _, one in those] for name, those in self._messages.items()}
        if self._fresh:
            self._missing, self._given = dict(self._counts), moment
            self._told = {(name, at) for name, those in self._messages.items() for at, _ in those}
        return moment


class InOrder:
    """Real time, for a judge, who is to see every moment however late it sees it: one a message of the pace, in order.

    A moment has the newest messages of each topic up to the pace's stamp, as many as it has of the topic, and none that
    a moment before it had; where too few came it is left out. It is known once every topic has got as far as the pace.

    Args:
        counts: how many messages a moment has of each topic. pace: the topic of which it has one.
    """

    def __init__(self, counts: dict[str, int], pace: str) -> None:
        self._counts, self._pace, self.stamp = counts, pace, -1
        self._waiting: dict[str, deque[tuple[int, Any]]] = {topic: deque(maxlen=BACKLOG) for topic in counts}

    def add(self, topic: str, stamp: int, message: Any) -> Moment | None:
        """As `Collector.add`; where several moments are known at once, the others come with the next messages."""
        self._waiting[topic].append((stamp, message))
        paces = self._waiting[self._pace]
        while paces and all(those and those[-1][0] >= paces[0][0] for those in self._waiting.values()):
            due = paces[0][0]
            moment = {name: self._take(name, due) for name in self._counts}
            if all(len(moment[name]) == count for name, count in self._counts.items()):
                self.stamp = due
                return moment
        return None

    def _take(self, topic: str, due: int) -> list[Any]:
        """The newest messages of a topic up to a stamp, as many as a moment has; they and older ones wait no more."""
        waiting, taken = self._waiting[topic], deque(maxlen=self._counts[topic])
        while waiting and waiting[0][0] <= due:
            taken.append(waiting.popleft()[1])
        return list(taken)


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
