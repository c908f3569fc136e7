"""What every training loop shares: how long it goes on, when it evaluates and saves, and how it is taken up again."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from control_bench.learning.training_folder import TrainingFolder


@dataclass
class Progress:
    """Where training stands; printed, it is what the progress bar says.

    Attributes:
        score: the last evaluation's, the more the better; best: the highest. evaluation: all that it found, by name.
        asked_steps, asked_episodes: until when training was asked to go on.
    """

    steps: int = 0
    episodes: int = 0
    score: float | None = None
    best: float | None = None
    evaluation: dict[str, float] = field(default_factory=dict)
    asked_steps: int = 0
    asked_episodes: int = 0


class Trainer:
    """Of a trainer of one's own: `of`, `step`, `evaluate`, `get_policy`, and `get_state` with `set_state`.

    Args:
        settings: with `steps` to train where nothing else is asked for, `evaluate_every` and `save_every`.
        folder: for what is kept.

    Attributes:
        lengths: what a training can be asked to last, as the command line has it. counted: what its episodes are.
        Progress: a dataclass of its own.
        threads: of torch: most networks here are too small to share, and one is exact. None: as many as it likes.
    """

    lengths: ClassVar[tuple[str, ...]] = ("steps", "episodes")
    counted: ClassVar[str] = "episodes"
    threads: ClassVar[int | None] = 1
    Progress: ClassVar[type[Progress]] = Progress

    def __init__(self, settings: Any, folder: TrainingFolder) -> None:
        self.settings, self.folder, self.progress = settings, folder, self.Progress()

    @classmethod
    def of(cls, plan, out: Path, about: dict[str, Any], seed: int) -> "Trainer":
        """The trainer of a plan's controller; about: what its checkpoints say of themselves."""
        raise NotImplementedError

    def step(self) -> None:
        """Trains a little, and counts it in `progress`."""
        raise NotImplementedError

    def evaluate(self) -> tuple[float, dict[str, float]]:
        """The policy's score as it is now, and what its curves show; changes nothing."""
        raise NotImplementedError

    def get_policy(self) -> dict:
        """As `Trainable.get_policy`."""
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        """All that the coming steps depend on, but for `progress`."""
        raise NotImplementedError

    def set_state(self, state: dict[str, Any], policy: dict) -> None:
        """Takes back what `get_state` gave, and the policy that was trained by then."""
        raise NotImplementedError

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train, whatever was asked for."""
        return False

    def run(
        self,
        steps: int | None = None,
        episodes: int | None = None,
        until: int | None = None,
        report: Callable[[Any], None] = lambda progress: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Any:
        """Trains for so many more steps or episodes, until so many steps in all, or until `stop()`; saves `last.pt`.

        More is counted from what was asked before, or from where training stands that did not get there: rows step
        together, so a training may end a few steps past what was asked. There is a `best.pt` in the end, even if no
        evaluation was due.

        Returns:
            The progress, with the score of the end where none was evaluated on the way.
        """
        progress, s = self.progress, self.settings
        asked = min(progress.asked_steps, progress.steps) + (steps or 0)
        progress.asked_steps = asked if until is None else until
        progress.asked_episodes = min(progress.asked_episodes, progress.episodes) + (episodes or 0)
        last_step = progress.asked_steps if episodes is None else np.inf
        last_episode = progress.asked_episodes if episodes is not None else np.inf
        while progress.steps < last_step and progress.episodes < last_episode and not self.finished and not stop():
            before = progress.steps
            self.step()
            # What comes after may be asked for in the other unit, and counts from where this stands.
            if episodes is None:
                progress.asked_episodes = progress.episodes
            else:
                progress.asked_steps = progress.steps
            if self.passed(before, s.evaluate_every) or self.finished:
                self.progress = progress = self._judged()
                curves = {f"evaluation/{name}": value for name, value in progress.evaluation.items()}
                self.folder.curves.add(progress.steps, curves)
            if self.passed(before, s.save_every):
                self.save()
            report(progress)
        self.save()
        if progress.best is None:
            # Not noted in last.pt, as a training that went on would not have done it.
            progress = self._judged()
            report(progress)
        return progress

    def passed(self, before: int, every: int) -> bool:
        """Whether a multiple of so many steps was reached since there were so many before."""
        return before // every < self.progress.steps // every

    def _judged(self) -> Any:
        """The progress after an evaluation, whose policy is kept if it is the best."""
        score, evaluation = self.evaluate()
        self.folder.save_best(self.get_policy(), self.progress.steps, score)
        best = score if self.progress.best is None else max(score, self.progress.best)
        return replace(self.progress, score=score, best=best, evaluation=evaluation)

    def save(self) -> None:
        """Writes `last.pt`."""
        training = self.get_state() | {"progress": asdict(self.progress)}
        self.folder.save_last(self.get_policy(), self.progress.steps, self.progress.score, training)

    def resume(self) -> None:
        """Takes up where `last.pt` stands."""
        contents = self.folder.take_up()
        state = contents["training"]
        self.progress = self.Progress(**state["progress"])
        self.set_state(state, contents["policy"])
