"""Why a load process was lost."""

from __future__ import annotations

from perfsuite.messages import Code


class LoadMessage(Code):
    """One sentence each; the subject is the load process."""

    NOT_FINISHED = "did not finish within {limit_s:seconds} after the end of the load"
    STOPPED = "ended normally before the end of the load: something stopped it"
    SILENT = "reported nothing for {silent_s:seconds} and was killed"
    KILLED = "was killed by {signal}"
    OUT_OF_MEMORY = KILLED + "; out of memory? See the system's log"
    SUITE_ERROR = "ended by an error of the suite; its traceback is in {log}"
    EXITED = "ended with exit code {code}"
