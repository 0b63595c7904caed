"""Fisher's exact test of two shares (Fisher 1935, *The Design of Experiments*): is B's larger than A's by chance?"""

from __future__ import annotations

import math


def fisher_more(failures_a: int, requests_a: int, failures_b: int, requests_b: int) -> float:
    """The one-sided p-value of "B fails no more often than A". 1.0 where nothing failed, or nothing was asked."""
    failures, requests = failures_a + failures_b, requests_a + requests_b
    if not failures or not requests_a or not requests_b:
        return 1.0
    most = min(failures, requests_b)
    all_ways = _log_comb(requests, failures)
    return min(
        1.0, sum(math.exp(_way(k, failures, requests_a, requests_b) - all_ways) for k in range(failures_b, most + 1))
    )


def _way(of_b: int, failures: int, requests_a: int, requests_b: int) -> float:
    of_a = failures - of_b
    if of_a > requests_a:
        return -math.inf
    return _log_comb(requests_b, of_b) + _log_comb(requests_a, of_a)


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
