"""Puts together the messages of one moment: those that carry one stamp."""

from collections.abc import Iterable
from typing import Any


class Collector:
    """Waits for a message on each of some topics, all with one stamp; older ones are forgotten when a newer stamp comes."""

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
