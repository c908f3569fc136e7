"""The arms there are as models, by name."""

from control_bench.dynamics.arms import ARMS
from control_bench.dynamics.base import ArmModel
from control_bench.dynamics.planar_arm import PlanarArm
from control_bench.errors import BadInput, nearest
from control_bench.resources import needing

KUKA = "kuka"
NAMES = (*ARMS, KUKA)


def make_model(name: str, dt: float, integrator: str = "semi_implicit") -> ArmModel:
    """A model of an arm; BadInput where the name is unknown, or pybullet is missing for the KUKA."""
    if name in ARMS:
        return PlanarArm(name, dt, integrator)
    if name != KUKA:
        raise BadInput(f"unknown arm '{name}', {nearest(name, NAMES)}")
    if integrator != "semi_implicit":
        raise BadInput(f"integrator: {integrator} is not pybullet's: leave it semi_implicit for arm: kuka")
    with needing("arm 'kuka'", "bullet"):
        from control_bench.dynamics.kuka import KukaArm
    return KukaArm(dt)
