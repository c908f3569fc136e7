"""The benchmark of lockstep speaks the topics of today: its bare exchange is nobody else's, and none would miss it."""

import re
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "lockstep_rate.py"


@pytest.mark.parametrize("task", ["drivebot", "reach", "balance"])
def test_lockstep_is_measured_beside_a_bare_exchange(ros, task):
    run = ros.start(sys.executable, str(BENCHMARK), task, "--turns", "1", "--seconds", "1", "--episodes", "1")
    assert run.wait(60) == 0, run.text()
    bare, ours = re.search(r"bare exchange +(\d+) steps/s +lockstep +(\d+) steps/s", run.text()).groups()
    assert int(bare) > 0 and int(ours) > 0
