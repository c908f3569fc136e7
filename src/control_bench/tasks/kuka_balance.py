"""kuka_balance: the pole of `balance` on a plate that pybullet's KUKA arm carries, as the article wished for."""

from dataclasses import dataclass

from control_bench.settings import require
from control_bench.tasks.pole import PoleSettings, PoleTask


@dataclass(frozen=True)
class KukaBalanceSettings(PoleSettings):
    """Forces are what would push a cart of the same mass that nothing brakes. The arm reaches less far than a floor, so
    the first push is less."""

    force: float = 30.0
    push: float = 12.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.push <= 40.0, f"push: {self.push!r} throws the plate out of the arm's reach: give 40 or less")


class KukaBalance(PoleTask):
    """See PoleTask; poses are of the plate and the pole, from where the plate is at rest."""

    name = "kuka_balance"
    Settings = KukaBalanceSettings
    field = 0.25
    carrier = "control_bench.worlds.kuka_plate:KukaPlate"
