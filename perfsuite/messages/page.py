"""Sentences of the report page about the run that it shows."""

from __future__ import annotations

from perfsuite.messages import Code


class PageMessage(Code):
    """The page adds the full stop."""

    # The operation that failed most often.
    ONLY_FAILING = "{operation} failed {failed:n time}{since}, most often with {message}"
    FAILED_MOST = (
        "{operation} failed {failed:n time}{since} ({share:percent} of {all_failed:n failed request}), most often with"
        " {message}"
    )
    FEW_FAILURES = "{failed:n request} failed, no operation more than twice"

    # The role that is affected most.
    HIGHEST_FAILURE_RATE = (
        "{role} has the highest failure rate: {share:percent} of its requests failed ({failed:number} of"
        " {requests:number})"
    )
    SLOWEST_ROLE = "Of the roles with enough requests, {role} has the slowest responses: {avg_ms:ms} on average"
    SLOWEST_ROLE_NO_FAILURE = SLOWEST_ROLE + ". No request failed"

    # What the target offers of the planned operations.
    NOT_CHECKED = "The operations of the target were not checked before the load"
    ALL_OFFERED = "The target offers all that was planned: {offered:n operation} (counted per role)"
    GAPS = "The target offers {offered:n operation} (counted per role). Gaps: {gaps}"

    CHECK_IT = "--check-correctness sample checks invariants; this adds at most 2 % to the requests of the load"
    NO_INTERVAL = "No 95 % CI: it needs {needed_s:seconds} of steady state, this run has {steady_s:seconds}"
