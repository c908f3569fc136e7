"""How long and how to train, whatever the learner."""

from dataclasses import dataclass

from control_bench.settings import require_positive


@dataclass(frozen=True)
class TrainingSettings:
    """Attributes, steps counted over all rows:

    steps: to train when neither --steps nor --episodes is given. rows: parallel episodes. processes: that step them
        and those that are evaluated.
    evaluate_every: steps between two evaluations, of evaluate_rows episodes each; the best is kept as `best.pt`.
    log_every, save_every: steps between two points of the curves, and between two checkpoints.
    """

    steps: int = 100_000
    rows: int = 16
    processes: int = 1
    evaluate_every: int = 10_000
    evaluate_rows: int = 50
    log_every: int = 1000
    save_every: int = 20_000

    def __post_init__(self) -> None:
        require_positive(self, "steps", "rows", "processes", "evaluate_every", "evaluate_rows")
        require_positive(self, "log_every", "save_every")
