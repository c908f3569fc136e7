"""pybullet as all of ours use it: without a window, each scene or model with one of its own."""

import os
from contextlib import contextmanager


@contextmanager
def quiet(*descriptors: int):
    """Nothing reaches these (1: standard output, 2: standard error), whoever writes there."""
    kept, nowhere = [os.dup(one) for one in descriptors], os.open(os.devnull, os.O_WRONLY)
    for one in descriptors:
        os.dup2(nowhere, one)
    try:
        yield
    finally:
        for one, before in zip(descriptors, kept, strict=True):
            os.dup2(before, one)
            os.close(before)
        os.close(nowhere)


with quiet(2):  # on being imported, it tells when it was built
    import pybullet
    from pybullet_utils.bullet_client import BulletClient

GRAVITY = (0.0, 0.0, -9.81)
"""m/s²"""


class Bullet(BulletClient):
    """A client; BulletClient itself makes it write to standard output."""

    def __init__(self) -> None:
        self._pid, self._client = os.getpid(), pybullet.connect(pybullet.DIRECT)
