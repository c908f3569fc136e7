"""How long ago each of some topics was heard."""

import time
from collections.abc import Iterable


class Silence:
    """Of topics that should all come all the time.

    Args:
        topics: their names; as if heard now.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self._heard = dict.fromkeys(topics, time.monotonic())

    def hear(self, topic: str | None = None) -> None:
        """A message of a topic came; without one, all count as heard: they are waited for anew."""
        self._heard |= dict.fromkeys(self._heard if topic is None else [topic], time.monotonic())

    def longest(self) -> tuple[float, str]:
        """For how long the topic that fell silent first has been so, s, and its name."""
        topic = min(self._heard, key=self._heard.__getitem__)
        return time.monotonic() - self._heard[topic], topic
