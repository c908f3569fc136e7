"""pybullet as all of ours use it: without a window, each scene or model with one of its own."""

import os

import pybullet
from pybullet_utils.bullet_client import BulletClient

GRAVITY = (0.0, 0.0, -9.81)
"""m/s²"""


class Bullet(BulletClient):
    """A client; BulletClient itself makes it write to standard output."""

    def __init__(self) -> None:
        self._pid, self._client = os.getpid(), pybullet.connect(pybullet.DIRECT)
