"""Puts together the messages of one moment."""

from collections.abc import Iterable
from typing import Any

PENDING = 64
"""Moments that may be incomplete at once; the oldest is given up for another."""


class Newest:
    """Real time: the newest message of each topic; a moment is complete whenever one of the topic `pace` comes."""

    def __init__(self, topics: Iterable[str], pace: str | None = None) -> None:
        self._missing = set(topics)
        self._pace = pace
        self.stamp = -1
        self._messages: dict[str, Any] = {}

    def add(self, topic: str, stamp: int, message: Any) -> dict[str, Any] | None:
        """As `Collector.add`."""
        self._missing.discard(topic)
        self._messages[topic] = message
        if self._missing or (self._pace and topic != self._pace):
            return None
        self.stamp = stamp
        return self._messages


class Collector:
    """Lockstep: waits for a message on each of some topics, all with one stamp.

    Messages of one topic come in order, so moments are completed in order, even when several are on their way at
    once, as from a bag; what is older than the last complete moment is forgotten.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = frozenset(topics)
        self.stamp = -1
        self._pending: dict[int, dict[str, Any]] = {}

    def add(self, topic: str, stamp: int, message: Any) -> dict[str, Any] | None:
        """The messages by topic where this one completes its moment, else None. stamp: ns."""
        if stamp <= self.stamp:
            return None
        moment = self._pending.setdefault(stamp, {})
        moment[topic] = message
        if len(moment) < len(self._topics):
            if len(self._pending) > PENDING:
                del self._pending[min(self._pending)]
            return None
        self.stamp = stamp
        self._pending = {later: messages for later, messages in self._pending.items() if later > stamp}
        return moment
