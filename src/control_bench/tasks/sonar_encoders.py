"""What a controller sees of range readings: the article's encoders, each with an optional history.

Source: drivebot (matpalm's blog, 2016). Readings become whole centimetres, int(100 r), with +inf and all beyond the
range as 300 and all under it as 0.
"""

import numpy as np
from gymnasium import spaces

MEAN, DEVIATION = 59.317, 37.603
"""Of all readings of one run in the article, cm; what `standardised` subtracts and divides by."""


def centimetres(ranges: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whole centimetres, float32 (rows, sonars), of ranges in metres (±inf as in REP-117)."""
    metres = np.where(ranges > high, high, np.where(ranges < low, 0.0, ranges.astype(np.float64)))
    return np.floor(100.0 * metres).astype(np.float32)


def ordering(values: np.ndarray) -> np.ndarray:
    """The sonars by descending range (rows, sonars); equal ones keep their order."""
    return np.argsort(-values, axis=1, kind="stable")


ENCODERS = {
    "raw": lambda cm: cm,
    "standardised": lambda cm: (cm - np.float32(MEAN)) / np.float32(DEVIATION),
    "ordering": ordering,
    "furthest": lambda cm: np.argmax(cm, axis=1)[:, None],
}
"""Centimetres (rows, sonars) to features (rows, k)."""


def observation_space(encoder: str, history: int, high: np.ndarray) -> spaces.Space:
    """The space of one row's flattened history, oldest first. high: the sonars' ranges, m."""
    sonars = len(high)
    if encoder in ("furthest", "ordering"):
        features = 1 if encoder == "furthest" else sonars
        return spaces.MultiDiscrete([sonars] * features * history)
    encode = ENCODERS[encoder]
    low, top = encode(np.zeros((1, sonars), np.float32))[0], encode(np.floor(100.0 * high)[None].astype(np.float32))[0]
    return spaces.Box(np.tile(low, history), np.tile(top, history), dtype=np.float32)
