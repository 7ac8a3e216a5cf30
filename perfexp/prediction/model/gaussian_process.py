"""A Gaussian process of log residuals over networks and batch sizes.

k = a²·net + b²·net·batch + c²·batch, each factor a Matérn-3/2 kernel: similar networks have similar
errors, more so at similar batch sizes, and each batch size has an error of its own. ``net`` has one
length scale for a network's size and one for the shares of its work (C. Rasmussen, C. Williams,
"Gaussian Processes for Machine Learning", 2006, chapters 4 and 5). The scales are the most probable
ones under broad log-normal priors, which keep them plausible where there are few cells. GPy and
GPyTorch have such kernels with active dimensions and priors; GPy is no longer maintained, GPyTorch
would bring PyTorch into a package that must not import it, and scikit-learn's process has neither.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import Bounds, minimize
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]
NOISE, _NET, _BOTH, _BATCH, _SIZE_LENGTH, _SHARE_LENGTH, _BATCH_LENGTH = range(7)
TYPICAL = np.log([0.05, 0.2, 0.1, 0.1, 4.0, 4.0, 1.5])
"""Prior medians: errors of a few percent, lengths of a few standard deviations of a feature."""
_MAX_DEVIATION = 6.0
"""In standard deviations of the priors: without bounds a line search may overflow."""
_KERNEL_CELLS = 150
_JITTER = 1e-8


@dataclass(frozen=True)
class Inputs:
    """Standardised features of N cells: batch size ``(N, 1)``, sizes ``(N, S)``, shares ``(N, K)``."""

    batch: Array
    sizes: Array
    shares: Array

    def part(self, rows: NDArray[np.int64]) -> "Inputs":
        """Return some of the cells."""
        return Inputs(self.batch[rows], self.sizes[rows], self.shares[rows])


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process: log scales ``(7,)``, cells, their weights, and their covariance's Cholesky factor."""

    scales: Array
    inputs: Inputs
    weights: Array
    factor: tuple[Array, bool]

    def predict(self, at: Inputs) -> Array:
        """Return the mean log residual, shape ``(M,)``."""
        return np.asarray(self._across(at) @ self.weights)

    def spread(self, at: Inputs) -> Array:
        """Return the standard deviation of a new cell's log residual, shape ``(M,)``."""
        across = self._across(at)
        known = (across * cho_solve(self.factor, across.T).T).sum(axis=1)
        total = np.exp(2 * self.scales[: _BATCH + 1]).sum()
        return np.asarray(np.sqrt(np.maximum(total - known, np.exp(2 * self.scales[NOISE]))))

    def _across(self, at: Inputs) -> Array:
        return _kernel(_distances(at, self.inputs), self.scales)


def fit(inputs: Inputs, log_residual: Array, seed: int) -> GaussianProcess:
    """Find the scales on a sample of at most ``_KERNEL_CELLS``, then condition on all cells."""
    with threadpool_limits(1, "blas"):  # threads cost more than they save on matrices this small
        return _fit(inputs, log_residual, seed)


def _fit(inputs: Inputs, log_residual: Array, seed: int) -> GaussianProcess:
    sample = np.random.default_rng(seed).permutation(len(log_residual))[:_KERNEL_CELLS]
    some = inputs.part(sample)
    scales = _scales(_distances(some, some), log_residual[sample])
    factor = _factor(covariance(inputs, scales), scales)
    return GaussianProcess(scales, inputs, cho_solve(factor, log_residual), factor)


Distances = tuple[Array, Array, Array]


def _scales(distances: Distances, values: Array) -> Array:
    found = minimize(
        _loss,
        TYPICAL,
        (distances, values),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(TYPICAL - _MAX_DEVIATION, TYPICAL + _MAX_DEVIATION),
        options={"maxiter": 25},
    )
    return np.asarray(found.x)


def _loss(scales: Array, distances: Distances, values: Array) -> tuple[float, Array]:
    """Return −log posterior of the scales up to a constant, and its gradient (ibid., equation 5.9)."""
    away = scales - TYPICAL
    prior = 0.5 * (away**2).sum()
    parts, slopes = _parts(distances, scales)
    try:
        factor = _factor(np.sum(parts, axis=0), scales)
    except np.linalg.LinAlgError:
        return 1e10, away
    weights = cho_solve(factor, values)
    value = 0.5 * values @ weights + np.log(np.diag(factor[0])).sum() + prior
    pull = cho_solve(factor, np.eye(len(values))) - np.outer(weights, weights)
    noise = np.exp(2 * scales[NOISE])
    gradient = [2 * noise * np.trace(pull), *(2 * (pull * part).sum() for part in parts)]
    gradient += [(pull * slope).sum() for slope in slopes]
    return float(value), 0.5 * np.array(gradient) + away


def covariance(inputs: Inputs, scales: Array) -> Array:
    """Return the covariance of the cells' log residuals without noise, shape ``(N, N)``."""
    return _kernel(_distances(inputs, inputs), scales)


def _kernel(distances: Distances, scales: Array) -> Array:
    return np.asarray(np.sum(_parts(distances, scales)[0], axis=0))


def _parts(distances: Distances, scales: Array) -> tuple[list[Array], list[Array]]:
    """Return the kernel's three summands, and its derivatives by the three log lengths."""
    net2, both2, batch2 = np.exp(2 * scales[[_NET, _BOTH, _BATCH]])
    size, share, batch = (
        3 * d * np.exp(-2 * scales[length])
        for d, length in zip(distances, (_SIZE_LENGTH, _SHARE_LENGTH, _BATCH_LENGTH), strict=True)
    )
    net_root, batch_root = np.sqrt(size + share), np.sqrt(batch)
    net_decay, batch_decay = np.exp(-net_root), np.exp(-batch_root)
    of_net, of_batch = (1 + net_root) * net_decay, (1 + batch_root) * batch_decay
    by_net = (net2 + both2 * of_batch) * net_decay
    slopes = [by_net * size, by_net * share, (batch2 + both2 * of_net) * batch_decay * batch]
    return [net2 * of_net, both2 * of_net * of_batch, batch2 * of_batch], slopes


def _factor(covariance: Array, scales: Array) -> tuple[Array, bool]:
    noisy = covariance + (np.exp(2 * scales[NOISE]) + _JITTER) * np.eye(len(covariance))
    factor: tuple[Array, bool] = cho_factor(noisy, lower=True)
    return factor


def _distances(left: Inputs, right: Inputs) -> Distances:
    """Return squared distances ``(N, M)`` of sizes, shares and batch sizes."""
    return (
        _squared(left.sizes, right.sizes),
        _squared(left.shares, right.shares),
        _squared(left.batch, right.batch),
    )


def _squared(left: Array, right: Array) -> Array:
    across = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.asarray(np.maximum(across, 0))
