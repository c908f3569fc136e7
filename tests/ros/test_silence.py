"""Which sensor has been silent for longest. Needs no master."""

import time

from control_bench.ros.silence import Silence


def test_the_topic_that_fell_silent_first_is_named(monkeypatch):
    now = 10.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    silence = Silence(["camera", "joints"])
    now = 11.0
    silence.hear("joints")
    now = 12.5
    assert silence.longest() == (2.5, "camera")
    silence.hear("camera")
    assert silence.longest() == (1.5, "joints")
    silence.hear()
    now = 13.0
    assert silence.longest()[0] == 0.5
