"""What is learned from, changed so that its meaning stays: pictures moved a little (Kostrikov et al., 2021)."""

import numpy as np


def shifted(pictures: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Pictures (count, height, width, channels), each moved by up to `most` pixels along both its edges, drawn evenly;
    what comes into view is as the edge that it came from."""
    count, height, width = pictures.shape[:3]
    down, across = rng.integers(-most, most + 1, (2, count, 1))
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + across, 0, width - 1)
    return pictures[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
