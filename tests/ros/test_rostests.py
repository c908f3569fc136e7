"""The `.test` files, as `catkin_make run_tests` runs them too, each on a master that rostest starts for it."""

import subprocess
from pathlib import Path

import pytest


@pytest.mark.realtime
@pytest.mark.parametrize("name", sorted(path.name for path in Path(__file__).parent.glob("*.test")))
def test_rostest(name):
    result = subprocess.run(["rostest", "control_bench", name], capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
