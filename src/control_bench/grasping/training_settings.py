"""How to train a grasp quality network."""

from dataclasses import dataclass
from typing import Literal

from control_bench.grasping.depth_noise import DepthNoise
from control_bench.settings import require, require_positive

Label = Literal["force_closure", "epsilon"]


@dataclass(frozen=True)
class GraspTrainingSettings(DepthNoise):
    """How to train; the noise is that of DepthNoise.

    Attributes:
        dataset: the folder that `control-bench dataset grasp` wrote.
        label, threshold: what is a success: a collision-free grasp whose robust quality is above that.
        steps: mini-batches; batch: examples of one. resampling: even, or by loss, see training.py.
        optimiser: adam (with decoupled decay), or sgd, with momentum, as Dex-Net's.
        learning_rate, momentum, weight_decay: of the descent; the rate rises along a line for WARM_UP steps, and falls
            along half a cosine to nothing at `steps`.
        evaluate_every, log_every, save_every: steps.
    """

    dataset: str = "out/grasps"
    label: Label = "force_closure"
    threshold: float = 0.25
    steps: int = 60_000
    batch: int = 128
    resampling: Literal["even", "loss"] = "even"
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 0.002
    momentum: float = 0.9
    weight_decay: float = 1e-3
    evaluate_every: int = 2_000
    log_every: int = 100
    save_every: int = 2_000

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "steps", "batch", "learning_rate", "evaluate_every", "log_every", "save_every")
        require(0.0 <= self.threshold < 1.0, f"threshold: {self.threshold!r} should be 0 or more, and below 1")
        require(0.0 <= self.momentum < 1.0, f"momentum: {self.momentum!r} should be 0 or more, and below 1")
