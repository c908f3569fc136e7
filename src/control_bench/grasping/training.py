"""Trains a grasp quality network on a data set of grasps, with the cameras' noise drawn anew for every batch.

`resampling: loss` draws mini-batches by what each example's loss was when it was last seen (Katharopoulos and Fleuret
2018, after the articles' SGD-S): easy failures, of which there are many, come less often. Unlike the articles' it
weighs what it draws by one over how often it does, so that the gradient's mean stays what it was, keeps losses by the
data set's own numbers, and draws a share evenly, so that no example is lost for good.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from control_bench.errors import BadInput
from control_bench.grasping.crops import PIXELS
from control_bench.grasping.dataset import load_split, read_card
from control_bench.grasping.depth_noise import DepthNoise, upsampling
from control_bench.grasping.gqcnn import quality
from control_bench.grasping.measures import summary
from control_bench.grasping.training_settings import GraspTrainingSettings, Label
from control_bench.learning.descent import require_finite
from control_bench.learning.trainer import Progress, Trainer
from control_bench.learning.training_folder import TrainingFolder
from control_bench.settings import fill

EVEN = 0.3
"""The share of `resampling: loss` that is drawn evenly."""
WARM_UP = 500
SCALE = 3
"""A picture's pixels in one of a crop, of the paper's camera: its noise is drawn on the picture."""
COLUMNS = ("crop", "depth", "kind", "collision_free", "force_closure", "epsilon")


class Examples:
    """A split of a data set, ready to be drawn from; `success` bool (n,)."""

    def __init__(self, folder: str, split: str, label: Label, threshold: float) -> None:
        columns = load_split(Path(folder), split, COLUMNS)
        self.success = columns["collision_free"] & (columns[label] > threshold)
        self.kind = columns["kind"]
        self.crops, self.depths = torch.as_tensor(columns["crop"]), torch.as_tensor(columns["depth"])
        if not 0 < self.success.sum() < len(self.success):
            raise BadInput(f"{folder}: of its {split} grasps {self.success.sum()} of {len(self.success)} succeed by "
                           f"{label} above {threshold:g}: set another threshold, or draw more grasps")  # fmt: skip

    def __len__(self) -> int:
        return len(self.success)


class CameraNoise:
    """The noise of depth pictures as crops have it, which are means of SCALE by SCALE pixels."""

    def __init__(self, settings: DepthNoise) -> None:
        self.settings = settings
        pixels = PIXELS * SCALE
        self._cells = -(-pixels // settings.cell)
        spread = upsampling(self._cells, settings.cell)[:pixels]
        self._to_crop = torch.as_tensor(spread.reshape(PIXELS, SCALE, -1).mean(axis=1), dtype=torch.float32)

    def apply(self, crops: torch.Tensor, depths: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Crops (n, PIXELS, PIXELS) and depths (n,), m. A camera's factor goes for both: a planner takes the grasp's
        depth from the same picture."""
        s, count = self.settings, len(crops)
        shape = (count, self._cells, self._cells)
        drawn = torch.as_tensor(rng.standard_normal(shape, dtype=np.float32)).to(crops.device)
        factors = np.array([s.factor(rng) for _ in range(count)], np.float32)
        factors, matrix = torch.as_tensor(factors).to(crops.device), self._to_crop.to(crops.device)
        errors = s.deviation * (matrix @ drawn @ matrix.T)
        return crops * factors[:, None, None] + errors, depths * factors


@dataclass
class GraspProgress(Progress):
    """loss: of the last batches. The score is the average precision on the objects held back to validate."""

    loss: float = float("nan")

    def __str__(self) -> str:
        found = self.evaluation
        told = f", average precision {found['average_precision']:.3f}, right {found['accuracy']:.1%}" if found else ""
        return f"loss {self.loss:.3f}{told}"


class GraspTrainer(Trainer):
    """Trains `dexnet`'s network. The same seed, stopped and resumed or not, gives the same network on one machine."""

    lengths, counted = ("steps",), "examples"
    threads = None
    Progress = GraspProgress

    def __init__(self, controller, settings: GraspTrainingSettings, folder: TrainingFolder, seed: int) -> None:
        super().__init__(settings, folder)
        self.controller, self._seed = controller, seed
        s = settings
        self.train, self.validate = (
            Examples(s.dataset, split, s.label, s.threshold) for split in ("train", "validate")
        )
        card = read_card(Path(s.dataset))["settings"]
        controller.trained = {"gripper": card["gripper"], "near": card["near"], "far": card["far"]}
        self._noise, self._labels = CameraNoise(s), torch.as_tensor(self.train.success, dtype=torch.long)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = controller.network.to(self._device)
        some = np.random.default_rng([seed, 0]).choice(len(self.train), min(10_000, len(self.train)), replace=False)
        self._network.measure(self.train.crops[some].float(), self.train.depths[some])
        weights, options = self._network.parameters(), {"lr": s.learning_rate, "weight_decay": s.weight_decay}
        if s.optimiser == "adam":
            self._optimiser: torch.optim.Optimizer = torch.optim.AdamW(weights, **options)
        else:
            self._optimiser = torch.optim.SGD(weights, momentum=s.momentum, **options)
        self._losses = np.full(len(self.train), np.nan, np.float32)
        self._chances: np.ndarray | None = None
        self._sums: np.ndarray | None = None
        drawn = self._noise.apply(self.validate.crops.float(), self.validate.depths, np.random.default_rng([seed, 1]))
        self._seen = [one.to(self._device) for one in drawn]

    @classmethod
    def of(cls, plan, out: Path, about: dict[str, Any], seed: int) -> "GraspTrainer":
        settings = fill(GraspTrainingSettings, plan.training_settings, "training settings")
        return cls(plan.make_controller(plan.make_task(), seed), settings, TrainingFolder(out, about), seed)

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, torch.Tensor]:
        """The numbers (batch,) of the next examples, and how much each counts."""
        s, count = self.settings, len(self.train)
        if s.resampling == "even":
            return rng.integers(count, size=s.batch), torch.ones(s.batch)
        if self._chances is None or self.progress.steps % max(count // s.batch, 1) == 0:
            # What was never seen counts as the mean.
            losses = np.where(
                np.isnan(self._losses), np.nanmean(self._losses) if self.progress.steps else 1.0, self._losses
            )
            self._chances = EVEN / count + (1.0 - EVEN) * losses / losses.sum()
            self._sums = np.cumsum(self._chances)
        chosen = np.minimum(np.searchsorted(self._sums, rng.random(s.batch) * self._sums[-1]), count - 1)
        return chosen, torch.as_tensor(1.0 / (count * self._chances[chosen]), dtype=torch.float32)

    def step(self) -> None:
        """One mini-batch."""
        s, progress, network = self.settings, self.progress, self._network
        rng = np.random.default_rng([self._seed, 2, progress.steps])
        chosen, weights = self._draw(rng)
        crops, depths = self.train.crops[chosen].float().to(self._device), self.train.depths[chosen].to(self._device)
        crops, depths = self._noise.apply(crops, depths, rng)
        mirrored = [axis for axis in (1, 2) if rng.random() < 0.5]  # a gripper has two sides that are alike
        crops = crops.flip(mirrored) if mirrored else crops
        done = min(progress.steps / s.steps, 1.0)
        rate = s.learning_rate * min(1.0, (progress.steps + 1) / WARM_UP) * (1.0 + np.cos(np.pi * done)) / 2.0
        self._optimiser.param_groups[0]["lr"] = rate
        network.train()
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**62)))  # of dropout
            losses = F.cross_entropy(network(crops, depths), self._labels[chosen].to(self._device), reduction="none")
        loss = (losses * weights.to(self._device)).mean()
        require_finite(loss, progress.steps, "learning_rate")
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        network.eval()
        self._losses[chosen] = losses.detach().cpu().numpy()
        progress.steps += 1
        progress.episodes += s.batch
        if progress.steps % s.log_every == 0:
            progress.loss = loss.item()
            self.folder.curves.add(progress.steps, {"train/loss": progress.loss})

    def evaluate(self) -> tuple[float, dict[str, float]]:
        told = quality(self._network, *self._seen, batch=256).cpu()
        require_finite(told.sum(), self.progress.steps, "learning_rate")
        found = summary(told.numpy(), self.validate.success)
        return found["average_precision"], found

    def get_policy(self) -> dict:
        return self.controller.get_policy()

    def get_state(self) -> dict[str, Any]:
        moments = self._optimiser.state_dict()["state"]
        return {
            "moments": {
                str(number): {name: value.cpu().numpy() for name, value in one.items() if value is not None}
                for number, one in moments.items()
            },
            "losses": self._losses, "chances": self._chances,
        }  # fmt: skip

    def set_state(self, state: dict[str, Any], policy: dict) -> None:
        self.controller.set_policy(policy)
        moments = {
            int(number): {name: torch.as_tensor(value) for name, value in one.items()}
            for number, one in state["moments"].items()
        }
        self._optimiser.load_state_dict(self._optimiser.state_dict() | {"state": moments})
        self._losses, self._chances = state["losses"].copy(), state["chances"]
        self._sums = None if self._chances is None else np.cumsum(self._chances)
