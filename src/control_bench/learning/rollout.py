"""What a policy did, step after step in parallel episodes, and how much better it was than expected."""

from dataclasses import dataclass, fields

import numpy as np
import torch

from control_bench.controllers.base import Transitions


@dataclass(frozen=True)
class Steps:
    """Arrays (steps, rows, ...), as in Transitions. draw: the action as it was drawn, before it was put into the
    space; log_probability: of that, when it was drawn."""

    observation: np.ndarray
    draw: np.ndarray
    log_probability: np.ndarray
    reward: np.ndarray
    next_observation: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray

    def kept(self, values: np.ndarray) -> torch.Tensor:
        """Of values (steps, rows, ...), those that are of an episode (batch, ...)."""
        return torch.as_tensor(values[self.valid])


class Rollout:
    """Collects steps until they are learned from; its length is their count, over all rows."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._steps: dict[str, list[np.ndarray]] = {field.name: [] for field in fields(Steps)}
        self._count = 0

    def add(self, transitions: Transitions, draw: np.ndarray, log_probability: np.ndarray) -> None:
        """Takes in one step of every row."""
        drawn = {"draw": draw, "log_probability": log_probability}
        for name, values in self._steps.items():
            values.append(np.array(drawn[name] if name in drawn else getattr(transitions, name)))
        self._count += int(transitions.valid.sum())

    def __len__(self) -> int:
        return self._count

    def take(self) -> Steps:
        """All steps so far, which it then forgets."""
        steps = Steps(**{name: np.stack(values) for name, values in self._steps.items()})
        self._forget()
        return steps

    def get_state(self) -> dict:
        return {name: np.stack(values) for name, values in self._steps.items() if values}

    def set_state(self, state: dict) -> None:
        self._forget()
        for name, values in state.items():
            self._steps[name] = list(values)
        self._count = sum(int(valid.sum()) for valid in self._steps["valid"])


def advantages(
    steps: Steps, value: np.ndarray, next_value: np.ndarray, discount: float, gae_lambda: float
) -> np.ndarray:
    """Generalised advantage estimates (steps, rows; Schulman et al., 2016), by the values of each step's observation
    and of the next one.

    Behind a step that terminated lies nothing. Behind one that was truncated, or is the last that is known of its
    episode, lies the value of what was seen next. With lambda 1 and values of 0 these are the returns.
    """
    ended = steps.terminated | steps.truncated
    error = steps.reward + discount * next_value * ~steps.terminated - value
    result, behind = np.zeros(error.shape), np.zeros(error.shape[1])
    for step in reversed(range(len(error))):
        behind = error[step] + discount * gae_lambda * np.where(ended[step], 0.0, behind)
        behind = np.where(steps.valid[step], behind, 0.0)  # what only began an episode ends the one before
        result[step] = behind
    return result


def elapsed(steps: Steps) -> np.ndarray:
    """Steps since each one's episode began, or since the first that is known of it (steps, rows)."""
    ended, time = steps.terminated | steps.truncated, np.zeros(steps.reward.shape)
    for step in range(1, len(time)):
        goes_on = steps.valid[step] & steps.valid[step - 1] & ~ended[step - 1]
        time[step] = np.where(goes_on, time[step - 1] + 1.0, 0.0)
    return time


def standardised(values: np.ndarray) -> np.ndarray:
    """Less their mean, in shares of their spread."""
    return (values - values.mean()) / (values.std() + 1e-8)
