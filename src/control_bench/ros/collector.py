"""Puts together the messages of one moment."""

from collections.abc import Iterable
from typing import Any


class Newest:
    """Real time: the newest message of each topic; a moment is complete whenever one of the `clock` topic comes."""

    def __init__(self, topics: Iterable[str], clock: str | None = None) -> None:
        self._missing = set(topics)
        self._clock = clock
        self.stamp = -1
        self._messages: dict[str, Any] = {}

    def add(self, topic: str, stamp: int, message: Any) -> dict[str, Any] | None:
        """As `Collector.add`."""
        self._missing.discard(topic)
        self._messages[topic] = message
        if self._missing or (self._clock and topic != self._clock):
            return None
        self.stamp = stamp
        return self._messages


class Collector:
    """Lockstep: waits for a message on each of some topics, all with one stamp; older ones are forgotten when a newer
    stamp comes."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = frozenset(topics)
        self.stamp = -1
        self._messages: dict[str, Any] = {}

    def add(self, topic: str, stamp: int, message: Any) -> dict[str, Any] | None:
        """The messages by topic where this one completes its moment, else None. stamp: ns."""
        if stamp < self.stamp:
            return None
        if stamp > self.stamp:
            self.stamp, self._messages = stamp, {}
        fresh = topic not in self._messages
        self._messages[topic] = message
        return self._messages if fresh and len(self._messages) == len(self._topics) else None
