"""What a controller learns over ROS, kept in a file that it goes on from when it is started again."""

import time
from pathlib import Path
from typing import Any

import rospy

from control_bench.controllers.actor import Actor
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import load, save

SHARE = 0.1
"""Of a learner's time, that its checkpoints may take: a replay of pictures is large."""


class Learned:
    """Takes up what is in the file, if there is one.

    Args:
        file: to save to, or None to keep nothing. about: what a checkpoint says of itself.

    Raises:
        BadInput: the file was not learned over ROS, or with other settings.
    """

    def __init__(self, file: Path | None, actor: Actor, about: dict[str, Any]) -> None:
        self._file, self._actor, self._about = file, actor, about
        self._saved_at = self._took = 0.0
        if file is None or not file.is_file():
            return
        contents = load(file)
        if "actor" not in contents.get("training", {}):
            raise BadInput(f"{file}: was not learned over ROS: give another out, and it as the checkpoint")
        if any(contents.get(key) != about[key] for key in ("task", "controller", "spaces", "controller_settings")):
            raise BadInput(f"{file}: learned with other settings: give another out, or the same settings")
        actor.controller.set_state(contents["training"]["learner"])
        actor.set_state(contents["training"]["actor"])  # or a replay would join its last episode to the next
        rospy.loginfo("goes on from %s", file)

    def save(self, last: bool = False) -> None:
        """Keeps what was learned so far: what is large not after every episode, but at the last."""
        begun = time.monotonic()
        if self._file is None or (not last and begun - self._saved_at < self._took / SHARE):
            return
        learner = self._actor.controller
        training = {"learner": learner.get_state(), "actor": self._actor.get_state()}
        save(self._file, self._about | {"policy": learner.get_policy(), "training": training})
        self._saved_at = time.monotonic()
        self._took = self._saved_at - begun
