"""How well probabilities tell successes from failures."""

import numpy as np
from scipy.integrate import trapezoid


def ranked(quality: np.ndarray, success: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is found where all above a threshold are taken for successes, a point for each threshold, the highest first.

    Args:
        quality: (n,). success: bool (n,), some of them true and some not.

    Returns:
        precision, recall, and the share of failures taken for successes, each (thresholds,).
    """
    order = np.argsort(-quality, kind="stable")
    quality, success = quality[order], success[order]
    last = np.append(quality[1:] != quality[:-1], True)  # what is of one quality comes at once
    taken, right = np.arange(1, len(quality) + 1)[last], np.cumsum(success)[last]
    return right / taken, right / success.sum(), (taken - right) / (~success).sum()


def average_precision(quality: np.ndarray, success: np.ndarray) -> float:
    """The mean precision over recall: 1 where every success is above every failure."""
    precision, recall, _ = ranked(quality, success)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def roc_area(quality: np.ndarray, success: np.ndarray) -> float:
    """How probable it is that a success is above a failure."""
    _, recall, false = ranked(quality, success)
    return float(trapezoid(np.append(0.0, recall), np.append(0.0, false)))


def precision_at(recall: float, quality: np.ndarray, success: np.ndarray) -> float:
    """The precision at the highest threshold that finds that share of the successes."""
    precisions, recalls, _ = ranked(quality, success)
    return float(precisions[np.searchsorted(recalls, recall)])


def calibration(quality: np.ndarray, success: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean quality, share of successes and number in bins of even width of quality; bins (<= bins,) that hold some."""
    place = np.minimum((quality * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    held = counts > 0
    means = [np.bincount(place, weights=values, minlength=bins)[held] / counts[held] for values in (quality, success)]
    return means[0], means[1], counts[held]


def calibration_error(quality: np.ndarray, success: np.ndarray, bins: int = 10) -> float:
    """How far quality and the share of successes are apart, a mean over what is judged."""
    told, true, counts = calibration(quality, success, bins)
    return float(np.average(np.abs(told - true), weights=counts))


def summary(quality: np.ndarray, success: np.ndarray) -> dict[str, float]:
    """Every figure, by name."""
    return {
        "accuracy": float(np.mean((quality > 0.5) == success)),
        "average_precision": average_precision(quality, success),
        "roc_area": roc_area(quality, success),
        "precision_at_half_recall": precision_at(0.5, quality, success),
        "calibration_error": calibration_error(quality, success),
        "positives": float(np.mean(success)),
    }


def at_share(success: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which (m,) to keep so that such a share are successes: all of the one kind, and as many of the other as fit."""
    right, wrong = np.flatnonzero(success), np.flatnonzero(~success)
    if len(right) > share * len(success):
        right = rng.choice(right, round(share / (1.0 - share) * len(wrong)), replace=False)
    else:
        wrong = rng.choice(wrong, round((1.0 - share) / share * len(right)), replace=False)
    return np.sort(np.concatenate([right, wrong]))
