"""Why cleanup could not remove a row, or restore a value."""

from __future__ import annotations

from perfsuite.messages import Code


class CleanupMessage(Code):
    """Reasons; each follows the name of the row or value."""

    TARGET_SILENT = "not tried: the target does not answer ({why})"
    CANNOT_LOG_IN = "{role} cannot log in ({why})"
    NO_ACCOUNT = "the credentials hold neither the account that created it nor a {admin}"
    NO_ADMIN = "the credentials hold no {admin}"
    NO_ADMIN_TO_RESTORE = "the credentials hold no {admin}, and no other role can restore it"
    NO_OWNER = "the credentials do not hold that account"
    NO_TIME_TO_RESTORE = "the time to restore it was over"
    NOT_RESTORED = "it was written, and is still {value}"
    UNKNOWN_KIND = "cleanup does not know how to delete it"
    SEARCH_IGNORES_MARKS = "the target's search ignores names, so nobody knows whether the row is there"
    TOO_MANY_ROWS = "not searched: the target holds more than {rows:number} {thing}s"
    NOT_VISIBLE = "not found as {role}, who may not see it"
    SEARCH_UNPROVEN = "not found, but the same search does not find rows of its kind that are there either"
    OTHERS_REFUSED = "not tried: {refused} others of its kind were refused in a row"
    NO_TIME_TO_READ = "deleted, but the time to read it back was over"
    NOT_VERIFIED = "its deletion was not verified: {why}"
    STILL_THERE = "its deletion was answered with {how}, and it is still there (status {status})"
    NEVER_READ = "reading does not find it, and did not before its deletion"
    IN_NO_LIST = "no list of the target showed it, neither before its deletion nor after"
