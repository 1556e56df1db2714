"""Would another interval hold its level where differences are skewed? The last table's trial.

Every interval is of a mean, two-sided 90 %, as that of the two one-sided tests of "no effect".
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy import stats
from statistics_trials import Rate, draws, rng_of

from primacy.analysis.inference import SignFlip

LEVEL = 0.90
RESAMPLES = 999

Ends = tuple[Float[np.ndarray, " studies"], Float[np.ndarray, " studies"]]
Rows = Float[np.ndarray, "studies n"]


def sign_flip(rows: Rows) -> Ends:
    """Ours."""
    found = [SignFlip(row, np.ones(len(row))).interval(LEVEL) for row in rows]
    return np.array([i.low for i in found]), np.array([i.high for i in found])


def student(rows: Rows) -> Ends:
    """Student's t."""
    n = rows.shape[1]
    half = stats.t.ppf((1 + LEVEL) / 2, n - 1) * rows.std(axis=1, ddof=1) / np.sqrt(n)
    return rows.mean(axis=1) - half, rows.mean(axis=1) + half


def hall(rows: Rows) -> Ends:
    """Student's t, its skewness taken out by a monotone cubic.

    Reference: Hall 1992, J. R. Statist. Soc. B 54:221.
    """
    n = rows.shape[1]
    mean, error = rows.mean(axis=1), rows.std(axis=1, ddof=1) / np.sqrt(n)
    skew = stats.skew(rows, axis=1, bias=False) / np.sqrt(n)

    def back(x: float) -> np.ndarray:
        """The t whose cubic t + skew t^2 / 3 + skew^2 t^3 / 27 + skew / 6 is x."""
        straight = np.abs(skew) < 1e-9
        s = np.where(straight, 1.0, skew)
        return np.where(straight, x, 3 * (np.cbrt(1 + s * (x - s / 6)) - 1) / s)

    x = float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    return mean - error * back(x), mean - error * back(-x)


def bootstrap_t(rows: Rows) -> Ends:
    """Quantiles of the t of resampled seeds; Efron and Tibshirani 1993, chapter 12."""
    rng, n = rng_of("bootstrap t", rows.shape[1]), rows.shape[1]
    low, high = np.empty(len(rows)), np.empty(len(rows))
    for i, row in enumerate(rows):
        again = row[rng.integers(0, n, (RESAMPLES, n))]
        error = again.std(axis=1, ddof=1) / np.sqrt(n)
        t = (again.mean(axis=1) - row.mean())[error > 0] / error[error > 0]
        ends = np.quantile(t, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        high[i], low[i] = row.mean() - ends * row.std(ddof=1) / np.sqrt(n)
    return low, high


def bca(rows: Rows) -> Ends:
    """SciPy's bias-corrected and accelerated bootstrap."""
    rng = rng_of("bca", rows.shape[1])
    found = stats.bootstrap(
        (rows,), np.mean, axis=1, vectorized=True, confidence_level=LEVEL, method="BCa",
        n_resamples=RESAMPLES, batch=50, rng=rng,
    ).confidence_interval  # fmt: skip
    return found.low, found.high


INTERVALS: dict[str, Callable[[Rows], Ends]] = {
    "sign flip (used)": sign_flip,
    "Student's t": student,
    "Hall's t": hall,
    "bootstrap t": bootstrap_t,
    "BCa": bca,
}


def missed(shape: str, n: int, studies: int) -> dict[str, Rate]:
    """How often an interval ends before a true mean of 0, on the side of the longer tail.

    There it falls short: the numbers far out that move the mean are rarely among so few. It is how
    often "no effect" is said of a difference that lies exactly on that margin; nominal 5 %.
    """
    rows = draws(shape, n, studies, "other intervals")
    upward = float(stats.skew(rows.ravel())) > 0
    found = {}
    for name, interval in INTERVALS.items():
        low, high = interval(rows)
        found[name] = Rate(int((high < 0 if upward else low > 0).sum()), studies)
    return found
