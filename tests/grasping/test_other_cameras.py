"""Pictures of other cameras, with the faults of real ones, are planned in as well as ours."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("one_thread")
FILE = Path(__file__).parents[2] / "benchmarks" / "grasp_cameras.py"


@pytest.fixture(scope="module")
def cameras():
    spec = importlib.util.spec_from_file_location("grasp_cameras", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("camera", ["Kinect 2, 512 x 424", "RealSense, 848 x 480", "PrimeSense, 34 degrees"])
def test_objects_are_grasped_by_pictures_with_every_fault(cameras, camera):
    # Of 20, the benchmark has 19.
    assert cameras.successes(camera, "all", 8) >= 6
