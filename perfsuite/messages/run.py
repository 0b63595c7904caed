"""Errors and notes of a run: its folder, its history, its baseline, its end."""

from __future__ import annotations

from perfsuite.messages import Code


class RunMessage(Code):
    """Errors, and notes that follow "History: " or stand in a comparison."""

    SUITE_ERROR = "Error of the suite ({during}): {place}: {error}; its traceback is in {log}"
    SUITE_ERROR_NOT_LOGGED = (
        "Error of the suite ({during}): {place}: {error}; its traceback is lost: {log} cannot be written"
    )

    WORK = "Work: {work}"
    WAITING_FOR_WORKERS = (
        "Waiting for {workers:n worker} at {bind}, {wait_s:seconds} at most."
        " To start them: python run_performance_tests.py worker --master {master}"
    )
    WORKER_JOINED = "{worker} joined: {host}, process {pid}"
    WORKER_JOINED_AS_SPARE = "{worker} joined as a spare: {host}, process {pid}"
    CLOCK_AGREES = "its clock agrees within {within_ms:ms}"
    WORKER_REFUSED = "Refused a worker on {host}, process {pid}: {why}"
    STRANGER_REFUSED = "Refused a connection: {why}"
    CLOCK_AHEAD = "its clock is {apart_ms:ms} ahead (± {within_ms:ms}), which is corrected"
    CLOCK_BEHIND = "its clock is {apart_ms:ms} behind (± {within_ms:ms}), which is corrected"
    WORKER_LOST = "{worker} was lost with {users:n user}: {reason}"
    TARGET_SILENT = "The target has not answered for {silent_s:seconds}: the load stops"
    STOP_RULE = "{target} was missed over the last {window_s:seconds} ({observed}, limit {limit}): the load stops"
    LOAD_DIED = "The load process died: {why}"
    LOAD_LEFT_NO_MESSAGE = "The load process died and left no message"
    LOAD_STOPPED_FROM_OUTSIDE = "The load process ended before its time: something outside the suite stopped it"
    INTERRUPTED_ONCE = (
        "Interrupted: requests in flight may finish ({wait_s:seconds} at most); interrupt again to stop at once"
    )
    INTERRUPTED_AGAIN = "Interrupted again: the load is killed"

    WORKER_JOINS = "{processes:n load process/load processes} for the master at {master}"
    WORKER_INTERRUPTED = "Interrupted: requests in flight may finish; interrupt again to stop at once"
    WORKER_DIED = "Process {number} {how}"
    WORKER_FILES_KEPT = (
        "Kept in {folder}: the traceback of an error of the suite, or records that the master may not have"
    )
    NO_TEMPORARY_FOLDER = "no temporary folder can be created: {why}. Set TMPDIR to a folder that can be written"

    CLEANED_UP = "Cleanup: removed {removed:number} of {created:number} rows that the run created"
    CLEANED_UP_SOFTLY = (
        "Cleanup: removed {removed:number} and soft-deleted {soft:number} of {created:number} rows that the run created"
    )
    NOT_REMOVED = "not removed: {row}"
    MORE_NOT_REMOVED = "… and {rows:number} more"
    TRY_CLEANUP_AGAIN = "try again with: cleanup {folder}"
    IDS_OF_ROWS = "ids of the rows that {which}: {path}"

    FINGERPRINT_NOT_TAKEN = "Fingerprint: not taken. {why}"
    FINGERPRINT_NOT_TAKEN_AGAIN = "Fingerprint: not taken again. {why}"

    NOT_A_RUN = "{folder}: not the folder of a run ({file} is missing)"
    NO_LOAD = "{folder}: no load was made in this run ({file} is missing)"
    CUT_SHORT = "{path}: damaged, its end is missing"
    NOISE_DAMAGED = "{why}.\nRemove it: the command `noise` makes it again"

    BROKEN_OPERATIONS = (
        "operations fail before any load, so the load would measure nothing useful:\n{table}\n"
        "Fix them, or leave them out of the run with --tolerate-broken"
    )
    NOTHING_MEASURED = (
        "no operation could be called at {host}: the accounts cannot log in ({why}).\n"
        "Check --credentials; the command preflight shows more"
    )
    AFTER_THE_LOAD = "the load was made, and then: {why}"
    REPORT_FAILED = "{why}. What was measured is kept; try again with the command: report {folder}"
    REPORT_INTERRUPTED = (
        "Interrupted while the report was written. What was measured is kept; "
        "finish it with the command: report {folder}"
    )
    ROWS_MAY_REMAIN = "rows that the run created may remain at the target. Remove them with: cleanup {folder}"

    BASELINE_DIFFERS = "--baseline {baseline}: this run cannot be compared with it ({run_id}): {reasons}"
    IN_BOTH_GROUPS = (
        "{runs:list}: in both groups, and a run cannot be compared with itself.\n"
        "Leave it out of one of them: name the runs one by one, with commas between them"
    )
    OTHER_QUESTION = (
        "{b} cannot be compared with {a}: {reasons}\n"
        "Compare two searches that count the load alike, or runs that are no searches"
    )
    ONE_SEARCH_EACH = (
        "{name}: {runs:n search/searches} for the capacity, and one is compared with one.\n"
        "Name the run: the command `history` shows them"
    )
    OTHER_CONDITIONS = (
        "{b} cannot be compared with {a}: {reasons}\n"
        "Compare runs made under the same conditions, or add --force to see the figures anyway"
    )
    BASELINE_RUNS_LEFT_OUT = "{runs:n run} of the baseline made under other conditions, left out"
    TIMES_NOT_COMPARED = "times are not compared: {why}"
    TIMES_NOT_FORCED = TIMES_NOT_COMPARED + " (--force compares them anyway)"
    COSTS_NOT_COMPARED = "costs at the database are not compared: {which} has no fingerprint"

    NOT_IN_HISTORY = "the run is not in the history: {why}"
    PAGE_NOT_UPDATED = "the page of all runs is not updated: {why}"
    CLOCK_WENT_BACK = "{run_id}: the clock went backwards in the run, from {started_at} to {ended_at}"
    LATER_RUN = (
        "the history has {other}, started at {started_at}, after this run ended ({ended_at}): "
        "was the clock set back? Runs are ordered by it"
    )
    IN_THE_FUTURE = "{run_id} starts at {started_at}, in the future: was the clock set back?"
    SAME_RUN = "{folder}: the same run as in {other}"
    UNREADABLE = "{folder}: {why}"
    UNREADABLE_BUT_KEPT = UNREADABLE + ". What the history has of it stays"
    FOLDERS_GONE = "of {runs:n run} in {history} no folder is here; the history keeps them"
    HISTORY_RENAMED = "{history} could not be used and is now {aside}"
