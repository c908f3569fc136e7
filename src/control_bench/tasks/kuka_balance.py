"""kuka_balance: the pole of `balance` on a plate that pybullet's KUKA arm carries, as the article wished for."""

from dataclasses import dataclass
from typing import Literal

from control_bench.settings import require
from control_bench.tasks.balance import Balance, BalanceSettings


@dataclass(frozen=True)
class KukaBalanceSettings(BalanceSettings):
    """As BalanceSettings; forces are what would push a cart of the same mass that nothing brakes. The arm reaches less
    far than a floor, so the first push is less. No camera looks on: it is told by poses alone."""

    fidelity: Literal["default"] = "default"
    observation: Literal["poses"] = "poses"
    cameras: Literal[1] = 1
    size: Literal[50] = 50
    force: float = 30.0
    push: float = 12.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.push <= 40.0, f"push: {self.push!r} throws the plate out of the arm's reach: give 40 or less")


class KukaBalance(Balance):
    """See Balance; poses are of the plate and the pole, from where the plate is at rest."""

    name = "kuka_balance"
    Settings = KukaBalanceSettings
    field = 0.25
    carriers = {"default": "control_bench.worlds.kuka_plate:KukaPlate"}
