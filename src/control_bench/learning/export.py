"""Writes a policy as ONNX, for programs that have neither torch nor this package, and checks it in onnxruntime."""

import json
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from control_bench.controllers.base import Controller
from control_bench.errors import BadInput
from control_bench.files import write_beside
from control_bench.learning.encoders import Pictures
from control_bench.learning.network_policy import NetworkPolicy
from control_bench.resources import needing

CHECKED = 64
"""Observations drawn that both must answer alike."""
CLOSE = 1e-5
"""Of half the actions' range: the two add up in another order."""


class _Acting(nn.Module):
    """From observations to actions."""

    def __init__(self, controller: NetworkPolicy) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(controller.acting_networks())
        self._action_of = controller.action_of

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        return self._action_of(observation)


def export(controller: Controller, about: dict[str, Any], path: Path) -> float:
    """Writes `path`: `observation` (rows, ...) in, `action` (rows, ...) out, `about` in its metadata.

    Returns:
        The largest difference between its actions and the controller's, over observations drawn from the space.

    Raises:
        BadInput: the controller has no network, a library is missing, or the file can't be written.
    """
    if not isinstance(controller, NetworkPolicy):
        name = type(controller).__name__
        raise BadInput(f"{name} has no network that acts by itself, to export: take a learner, such as naf")
    with needing("export", "export"):
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 (torch wants it)
    observation = _some(controller, CHECKED)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        file = Path(folder) / "policy.onnx"
        torch.onnx.export(
            _Acting(controller).eval(), (torch.as_tensor(observation),), str(file), input_names=["observation"],
            output_names=["action"], dynamic_shapes=({0: torch.export.Dim("rows")},), dynamo=True, verbose=False,
            external_data=False,
        )  # fmt: skip
        model = onnx.load(str(file))
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    written = model.SerializeToString()
    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    apart, limit = 0.0, CLOSE * _range(controller)
    for rows in (1, CHECKED):
        theirs = session.run(None, {"observation": observation[:rows]})[0]
        off = np.abs(theirs.astype(float) - controller.greedy(observation[:rows])).max()
        apart = float(np.maximum(apart, off))  # a NaN stays one
    if not apart <= limit:
        raise RuntimeError(f"onnxruntime's actions are {apart:g} off")
    write_beside(path, written)
    return apart


def _range(controller: Controller) -> float:
    """Half the range of actions that are numbers, 1 at least."""
    space = controller.action_space
    return max(float((space.high - space.low).max()) / 2.0, 1.0) if hasattr(space, "high") else 1.0


def _some(controller: Controller, count: int) -> np.ndarray:
    """Observations (count, ...) from the space; pictures are not as far from any that were seen as bytes can be."""
    encoder = next(iter(controller.acting_networks().values())).encoder
    if isinstance(encoder, Pictures):
        return encoder.like_seen(count, np.random.default_rng(0))
    space = controller.observation_space
    space.seed(0)
    return np.stack([space.sample() for _ in range(count)])
