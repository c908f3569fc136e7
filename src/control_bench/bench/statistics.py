"""Statistics of episodes: what a report says of a run in numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from control_bench.bench.episode import Episode

DECILES = np.arange(0, 101, 10)
"""In per cent, from the least value to the greatest."""
BLOCK = 4_000_000
"""How many resampled values are held at a time."""


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean without the lowest and the highest quarter: less swayed by a lucky episode than the mean, less coarse
    than the median. A quarter is rounded down to whole values. Source: Agarwal et al. (2021), "Deep RL at the Edge of
    the Statistical Precipice"."""
    return stats.trim_mean(values, 0.25, axis=axis)


def deciles(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """The 11 values (11, ...) that 0, 10, ..., 100 % of the values are at or below, interpolated between neighbours."""
    return np.percentile(values, DECILES, axis=axis)


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    statistic: Callable[..., np.ndarray],
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple:
    """Where a statistic would lie if the episodes were drawn again: the percentile bootstrap.

    Args:
        values: (n,), at least one; of one value the interval is that value.
        statistic: reduces an array along `axis`, as `numpy.mean`; it may give several numbers, as `deciles`.
        level: the share of resampled statistics within the interval.
        seed: of the resampling, so that a report of the same episodes says the same.

    Returns:
        low, high: floats, or arrays (k,) of a statistic that gives k numbers.
    """
    values, rng = np.asarray(values, dtype=float), np.random.default_rng(seed)
    block = max(1, min(resamples, BLOCK // len(values)))
    drawn = []
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn.append(statistic(values[rng.integers(len(values), size=(rows, len(values)))], axis=-1))
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.concatenate(drawn, axis=-1), [tail, 1.0 - tail], axis=-1)
    return (low, high) if np.ndim(low) else (float(low), float(high))


@dataclass(frozen=True)
class Estimate:
    """A statistic and its 95 % bootstrap interval: floats, or arrays (k,); no interval where there is but one value."""

    value: float | np.ndarray
    low: float | np.ndarray | None = None
    high: float | np.ndarray | None = None


def estimate(values: Sequence[float], statistic: Callable[..., np.ndarray]) -> Estimate:
    """The statistic of values (n,), at least one."""
    values = np.asarray(values, dtype=float)
    value = statistic(values, axis=-1)
    return Estimate(value, *bootstrap_interval(values, statistic)) if len(values) > 1 else Estimate(value)


def decile_estimate(values: Sequence[float]) -> Estimate:
    """The deciles (11,); of the least and the greatest value resampling says nothing, so their interval is NaN."""
    deciles_of = estimate(values, deciles)
    if deciles_of.low is not None:
        deciles_of.low[[0, -1]] = deciles_of.high[[0, -1]] = np.nan
    return deciles_of


def running_mean(values: Sequence[float] | np.ndarray, window: int) -> np.ndarray:
    """The mean of each value and those before it, `window` in all where there are so many; (n,), as the values."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(sums))
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def is_discrete(actions: np.ndarray) -> bool:
    """Whether recorded actions are numbers of choices, (steps,) of integers, rather than amounts."""
    return actions.ndim == 1 and np.issubdtype(actions.dtype, np.integer)


def name_of(action: int, action_names: Sequence[str]) -> str:
    """An action's name; a task need not name its actions."""
    return action_names[action] if action < len(action_names) else f"action {action}"


def frequency_table(episodes: Iterable[Episode], action_names: Sequence[str]) -> dict[tuple[str, float], int]:
    """How often each discrete action earned each reward: {(action, reward): steps}, of pairs that occurred."""
    table: Counter[tuple[str, float]] = Counter()
    for episode in episodes:
        rewards, reward_of = np.unique(episode.rewards, return_inverse=True)
        pairs, counts = np.unique(episode.actions.astype(np.int64) * len(rewards) + reward_of, return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            action, reward = divmod(pair, len(rewards))
            table[name_of(action, action_names), float(rewards[reward])] += count
    return dict(table)
