"""A mixture of Gaussians, fitted to few points: what the cross-entropy method draws from."""

from dataclasses import dataclass

import numpy as np

STEPS = 10
"""Of expectation and maximisation: the next fit comes soon."""
LEAST = 0.01
"""Added to every variance of numbers that were scaled to a deviation of 1, as in Dex-Net's code."""


@dataclass(frozen=True)
class Mixture:
    """Of numbers less their centre (d,), in scales (d,): weights (k,), means (k, d), and Cholesky factors (k, d, d) of
    the covariances."""

    centre: np.ndarray
    scales: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray


def fit_mixture(points: np.ndarray, components: int, rng: np.random.Generator) -> Mixture:
    """Of points (n, d), n of at least 2, by expectation and maximisation from means that are points."""
    centre, scales = points.mean(axis=0), np.maximum(points.std(axis=0), 1e-6)
    x, (count, numbers) = (points - centre) / scales, points.shape
    components = max(components, 1)
    means = x[rng.choice(count, components, replace=False)]
    weights, eye = np.full(components, 1.0 / components), np.eye(numbers)
    factors = np.tile(eye, (components, 1, 1))
    for _ in range(STEPS):
        away = x[:, None] - means
        scaled = np.stack([np.linalg.solve(factors[k], away[:, k].T).T for k in range(components)], axis=1)
        spread = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        chances = np.log(weights) - spread - 0.5 * (scaled**2).sum(axis=2)
        chances = np.exp(chances - chances.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        total = chances.sum(axis=0) + 1e-9
        weights, means = total / total.sum(), (chances.T @ x) / total[:, None]
        away = x[:, None] - means
        spreads = np.einsum("nk,nki,nkj->kij", chances, away, away) / total[:, None, None]
        factors = np.linalg.cholesky(spreads + LEAST * eye)
    return Mixture(centre, scales, weights, means, factors)


def draw_from(mixture: Mixture, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points (count, d)."""
    which = rng.choice(len(mixture.weights), count, p=mixture.weights)
    drawn = rng.standard_normal((count, len(mixture.centre)))
    x = mixture.means[which] + np.einsum("nij,nj->ni", mixture.factors[which], drawn)
    return mixture.centre + mixture.scales * x
