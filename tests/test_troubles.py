"""Which test holds which message: the table of docs/troubleshooting.md, case by case."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.test_docs import section, table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"

HELD_BY: dict[str, tuple[str, ...]] = {
    "unknown scenario": (
        "tests/cli/test_mistakes.py::test_a_mistake_is_told_in_a_line_or_two",
        "tests/integration/test_commands.py::test_a_mistake_ends_the_program_with_its_code",
    ),
    "users: none, or not a number": ("tests/cli/test_mistakes.py::test_a_mistake_is_told_in_a_line_or_two",),
    "spawn rate 0": ("tests/cli/test_mistakes.py::test_a_mistake_is_told_in_a_line_or_two",),
    "a duration such as 5x": (
        "tests/cli/test_mistakes.py::test_a_mistake_is_told_in_a_line_or_two",
        "tests/plan/test_durations.py::test_what_is_no_duration_is_refused_with_examples",
    ),
    "unknown option or command": ("tests/cli/test_mistakes.py::test_a_mistake_is_told_in_a_line_or_two",),
    "unknown key in a TOML file": (
        "tests/cli/test_mistakes.py::test_a_mistake_in_a_file_names_file_line_and_key",
        "tests/test_toml_tables.py::test_a_mistake_in_the_queries_for_prometheus",
    ),
    "wrong type in a TOML file": ("tests/cli/test_mistakes.py::test_a_mistake_in_a_file_names_file_line_and_key",),
    "typo in a value of a TOML file": (
        "tests/cli/test_mistakes.py::test_a_mistake_in_a_file_names_file_line_and_key",
        "tests/test_toml_tables.py::test_the_second_of_two_targets_is_told_by_its_own_line",
    ),
    "credentials lack a role": (
        "tests/integration/test_commands.py::test_credentials_that_lack_a_role",
        "tests/preflight/test_run.py::test_roles_without_an_account_are_named",
    ),
    "wrong password": (
        "tests/preflight/test_run.py::test_an_account_that_cannot_log_in_is_named_but_not_its_password",
        "tests/integration/test_commands.py::test_a_wrong_password_names_the_account_and_keeps_the_password",
    ),
    "results folder that cannot be written": (
        "tests/plan/test_build.py::test_results_that_cannot_be_written_are_told_with_the_mend",
        "tests/integration/test_commands.py::test_results_that_cannot_be_written",
    ),
    "disk full before the load": (
        "tests/report/test_files.py::test_what_cannot_be_replaced_is_named_and_the_others_are_written",
        "tests/run/test_pipeline.py::test_a_file_that_cannot_be_written_leaves_the_others",
        "tests/run/test_full_disk.py::test_a_file_that_nobody_expected_to_fail_is_a_line_and_no_traceback",
    ),
    "disk full during the load": (
        "tests/run/test_load_process.py::test_on_a_full_disk_the_last_words_come_all_the_same",
        "tests/cleanup/test_clean_up.py::test_rows_are_removed_though_nobody_can_write_it_down",
        "tests/monitor/test_sampler.py::test_a_full_disk_is_told_and_the_live_view_goes_on",
    ),
    "output that takes nothing": (
        "tests/cli/test_output.py::test_a_command_whose_output_is_lost_says_so_once",
        "tests/integration/test_output.py::test_output_that_is_lost_is_a_line_on_standard_error",
        "tests/integration/test_output.py::test_where_the_output_goes_changes_no_exit_code",
        "tests/integration/test_output.py::test_a_run_without_standard_streams_is_made",
        "tests/integration/test_output.py::test_a_reader_that_leaves_does_not_end_a_run",
    ),
    "a terminal that does not know a character": (
        "tests/cli/test_output.py::test_what_an_encoding_does_not_have_is_replaced",
        "tests/integration/test_output.py::test_a_run_in_ascii_is_made_and_its_files_are_utf_8",
    ),
    "port in use": (
        "tests/report/web/test_server.py::test_a_port_that_is_taken_is_told_with_the_mend",
        "tests/report/exporter/test_endpoint.py::test_a_run_whose_port_is_in_use_ends_with_2",
        "tests/backend/test_cli.py::test_a_port_in_use_is_named",
    ),
    "too few open files": ("tests/plan/test_build.py::test_users_that_could_not_all_connect_are_told_with_the_mend",),
    "host not allowed": ("tests/cli/test_mistakes.py::test_a_mistake_is_told_in_a_line_or_two",),
    "target gone before the run": (
        "tests/integration/test_commands.py::test_a_target_that_is_not_there",
        "tests/preflight/test_offer.py::test_not_there_in_each_way_with_its_mend",
    ),
    "target gone during the run": (
        "tests/integration/test_faults.py::test_a_target_that_dies_in_mid_run_is_lost_and_the_load_stops",
    ),
    "target gone at the end": (
        "tests/run/test_cleaning.py::test_a_target_that_is_gone_at_the_end_leaves_the_run_whole_and_every_row_named",
        "tests/cleanup/test_clean_up.py::test_a_target_that_has_gone_is_not_asked_for_every_row",
    ),
    "target answers HTML": (
        "tests/preflight/test_offer.py::test_there_but_not_ours",
        "tests/integration/test_faults.py::test_every_kind_of_fault_is_told_by_its_name",
    ),
    "target answers 307": (
        "tests/preflight/test_offer.py::test_a_redirect_is_told_with_the_address_behind_it",
        "tests/integration/test_faults.py::test_every_kind_of_fault_is_told_by_its_name",
    ),
    "target answers 429": (
        "tests/target/test_retry_after.py::test_it_waits_and_asks_again",
        "tests/preflight/test_run.py::test_a_limit_on_logins_is_not_taken_for_a_wrong_account",
        "tests/judge/test_verdict.py::test_a_rate_limit_fails_the_run_and_is_told_apart",
    ),
    "target cuts the connection": (
        "tests/load/test_client.py::test_a_connection_that_is_cut_is_a_failure_and_the_request_was_sent_once",
        "tests/integration/test_faults.py::test_every_kind_of_fault_is_told_by_its_name",
    ),
    "certificate not accepted": (
        "tests/preflight/test_offer.py::test_a_certificate_that_does_not_verify_is_one_line_with_its_mend",
    ),
    "operations fail without load": (
        "tests/integration/test_faults.py::test_a_route_that_is_broken_from_the_start_stops_the_run_with_a_table",
    ),
    "an operation fails once without load": (
        "tests/preflight/test_run.py::test_an_error_of_the_server_that_comes_once_breaks_nothing",
    ),
    "an error while the suite starts": (
        "tests/test_starter.py::test_an_error_while_it_starts_is_one_line_and_a_file",
        "tests/test_starter.py::test_where_no_file_takes_the_traceback_the_line_says_so",
    ),
    "an error of the suite itself": (
        "tests/run/test_pipeline.py::test_an_error_before_there_is_anything_to_report",
        "tests/run/test_pipeline.py::test_an_error_between_load_and_report",
        "tests/run/test_pipeline.py::test_an_error_in_one_output_leaves_the_others",
        "tests/run/test_pipeline.py::test_a_run_that_failed_stays_failed",
        "tests/run/test_follow.py::test_an_error_while_it_is_followed_ends_the_load_in_order",
        "tests/cli/test_main.py::test_whatever_ends_a_command_is_one_line_and_a_code",
        "tests/integration/test_suite_errors.py::test_before_the_load_rows_are_removed_and_one_line_says_why",
        "tests/integration/test_suite_errors.py::test_during_the_load_it_ends_in_order_and_is_reported",
    ),
    "a thread of the suite that dies": (
        "tests/run/test_own_errors.py::test_a_thread_that_dies_is_named",
        "tests/run/test_follow.py::test_a_thread_that_dies_is_named_within_a_second",
        "tests/cli/test_screen.py::test_a_screen_that_fails_is_a_warning_on_the_others",
    ),
    "Ctrl-C, SIGTERM or a closed terminal before the load": (
        "tests/test_starter.py::test_an_installation_that_is_ended_leaves_no_program",
        "tests/test_starter.py::test_a_signal_while_modules_are_imported_ends_it",
        "tests/integration/test_signals.py::test_ctrl_c_before_the_load_ends_at_once",
        "tests/integration/test_signals.py::test_sigterm_in_the_first_second_ends_everything",
    ),
    "rows that cannot be removed": (
        "tests/preflight/test_left_out.py::test_a_creation_whose_row_stayed_is_left_out_with_one_line",
        "tests/integration/test_rows_that_stay.py::test_preflight_leaves_the_creation_out_of_the_load",
    ),
    "rows that remain at the end": (
        "tests/judge/test_left_behind.py::test_rows_that_remain_make_a_pass_inconclusive",
        "tests/report/test_rows_remaining.py::test_every_output_says_so_once",
        "tests/run/test_cleaning.py::test_where_no_verdict_follows_rows_that_remain_are_named_even_when_quiet",
    ),
    "Ctrl-C": ("tests/integration/test_signals.py::test_ctrl_c_on_a_demo_writes_the_report_and_leaves_nothing",),
    "second Ctrl-C": (
        "tests/integration/test_signals.py::test_a_second_ctrl_c_does_not_wait_for_a_target_that_hangs",
        "tests/run/test_interrupts.py::test_a_report_bears_one_and_not_two",
    ),
    "two Ctrl-C while the report is written": (
        "tests/run/test_pipeline.py::test_who_interrupts_the_report_twice_learns_how_to_finish_it",
    ),
    "a step summary that takes nothing": (
        "tests/run/test_pipeline.py::test_a_step_summary_that_takes_nothing_is_one_warning",
        "tests/report/test_step_summary.py::test_where_hardly_anything_has_room_nothing_is_appended",
        "tests/cli/test_repeat.py::test_a_page_of_a_ci_job_that_takes_nothing_is_a_warning",
    ),
    "memory of this machine runs out": (
        "tests/load/test_losses.py::test_with_the_last_one_the_load_is_over",
        "tests/judge/test_fitness.py::test_a_lost_process_is_told_with_its_users",
    ),
    "memory of the backend grows": ("tests/findings/test_find.py::test_a_leak_is_told_with_its_rate_and_its_end",),
    "many failures, and no target on them": (
        "tests/judge/test_unexpected.py::test_http_500_for_most_requests_fails_a_run_whose_target_limits_only_response_time",
    ),
    "a high failure rate": (
        "tests/integration/test_faults.py::test_errors_miss_the_failure_rate",
        "tests/integration/test_real_backend.py::test_a_failed_request_is_found_in_the_servers_log_by_its_id",
    ),
}


@cache
def _tests_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_case_of_the_page_is_held_by_a_test() -> None:
    assert [row[0] for row in table(section(PAGE, "Messages"))] == list(HELD_BY)


@pytest.mark.parametrize("case", HELD_BY)
def test_that_test_exists(case: str) -> None:
    for test in HELD_BY[case]:
        file, _, name = test.partition("::")
        assert name in _tests_in(file), test
