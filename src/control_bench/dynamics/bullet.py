"""pybullet as all of ours use it: without a window, each scene or model with one of its own."""

import os
from contextlib import contextmanager


@contextmanager
def _quiet():
    """Nothing reaches standard error, whoever writes there: on being imported, pybullet tells when it was built."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _quiet():
    import pybullet
    from pybullet_utils.bullet_client import BulletClient

GRAVITY = (0.0, 0.0, -9.81)
"""m/s²"""


class Bullet(BulletClient):
    """A client; BulletClient itself makes it write to standard output."""

    def __init__(self) -> None:
        self._pid, self._client = os.getpid(), pybullet.connect(pybullet.DIRECT)
