"""Faults that gateways are known to have, and the tests that each of them is held off by."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

SERVER = {
    "path decided on in one form and forwarded in another": [
        "functional/test_hostile_paths.py::test_bypass",
        "functional/test_hostile_paths.py::test_odd_path_stays_under_its_route",
        "functional/test_raw_requests.py::test_raw_request",
        "wire/test_target.py::test_refuses_paths",
        "wire/test_target.py::test_parsing_is_idempotent",
    ],
    "exempt by Accept, fragment, pattern or original URI": [
        "functional/test_streams.py::test_accept_does_not_make_a_stream_route",
        "functional/test_streams.py::test_delegated_route_is_exact",
        "functional/test_raw_requests.py::test_raw_request",
    ],
    "first of two credentials taken": [
        "functional/test_access_matrix.py::test_matrix",
        "access/test_guard.py::test_header_token_demands_exactly_one_good_credential",
    ],
    "tokens compared as text": [
        "functional/test_hostile_credentials.py::test_hostile_fields",
        "access/test_principals.py::test_anything_else_proves_nobody",
    ],
    "request bodies inflated": ["functional/test_bodies.py::test_compressed_request_is_untouched"],
    "bytes of fields lost": [
        "functional/test_fields.py::test_request_head_passes_unchanged",
        "functional/test_fields.py::test_reply_head_passes_unchanged",
    ],
    "versions, methods, hosts and targets that are none": [
        "functional/test_hostile_heads.py::test_malformed_head",
        "wire/test_target.py::test_refuses_targets",
        "wire/test_authority.py::test_refuses",
        "faults/test_fuzz_requests.py::test_requests",
    ],
    "Connection removes what access relies on": [
        "wire/test_headers.py::test_connection_never_removes_a_credential",
        "wire/test_headers.py::test_connection_never_removes_what_is_decided_on",
        "functional/test_fields.py::test_hop_by_hop_fields_do_not_go_up",
        "functional/test_fields.py::test_hop_by_hop_fields_do_not_go_down",
    ],
    "claimed client addresses and names with underscores": [
        "functional/test_fields.py::test_untrusted_client_is_described_by_its_socket",
        "wire/test_headers.py::test_name_that_a_backend_may_take_for_another_is_dropped",
    ],
    "101 that nobody asked for": ["functional/test_faults.py::test_reply_that_is_not_http"],
    "upstream goes on when the client left": [
        "functional/test_leaving.py::test_gone_before_the_first_byte",
        "faults/test_client_side.py::test_within_the_reply",
    ],
    "heads without a time limit": [
        "functional/test_limits.py::test_trickling_head",
        "faults/test_slow_attacks.py::test_slow_heads",
        "faults/test_slow_attacks.py::test_slowhttptest_heads",
    ],
    "out of file descriptors": ["faults/test_descriptors.py::test_more_clients_than_descriptors"],
    "limits dropped by a misspelt keyword": [
        "functional/test_limits.py::test_head_sizes",
        "functional/test_hostile_heads.py::test_oversized_head",
        "config/test_keys.py::test_misspelt_key_names_the_nearest",
    ],
    "an open stream holds up the end": [
        "functional/test_process.py::test_ends_with_an_open_stream",
        "functional/test_drain.py::test_streams_end_and_calls_finish",
    ],
    "malformed requests logged and echoed": [
        "functional/test_secrecy.py::test_no_secret_shows",
        "functional/test_limits.py::test_oversized_head_of_a_known_route_keeps_secrets",
        "admin/test_listener.py::test_malformed_request_is_not_repeated",
    ],
    "414 not told from 431": ["functional/test_limits.py::test_head_sizes"],
    "client that leaves behind unread bytes": [
        "functional/test_leaving.py::test_gone_behind_unread_bytes",
        "functional/test_limits.py::test_stalled_reader_is_cut",
        "functional/test_limits.py::test_slow_reader_with_progress_is_not_cut",
        "faults/test_slow_attacks.py::test_replies_that_nobody_reads",
        "faults/test_slow_attacks.py::test_slowhttptest_reads",
    ],
    "a cut that looks like a clean end": [
        "functional/test_faults.py::test_cut_reply_is_seen_as_cut",
        "functional/test_faults.py::test_reset_of_a_close_delimited_reply_is_seen",
        "faults/test_upstream_side.py::test_after_the_head",
    ],
}
UPSTREAM = {
    "reply to HEAD eats the next one": [
        "upstream/test_reply_parser.py::test_reply_to_head_ends_with_its_head",
        "upstream/test_connection.py::test_reply_to_head_ends_with_its_head",
    ],
    "the parser knows of no end of file": [
        "upstream/test_connection.py::test_end_of_connection_ends_a_body_without_length"
    ],
    "trailers and interim replies taken for fields": [
        "upstream/test_reply_parser.py::test_interim_heads_keep_their_own_fields",
        "functional/test_bodies.py::test_reply_framings",
        "functional/test_bodies.py::test_early_hints_reach_http11_clients",
    ],
    "two replies in one read": [
        "upstream/test_reply_parser.py::test_bytes_after_the_end_change_nothing_but_reuse",
        "functional/test_hostile_bodies.py::test_hostile_bodies",
        "faults/test_fuzz_replies.py::test_relayed",
        "faults/test_fuzz_replies.py::test_connection",
    ],
    "connection lent before its reply was taken": [
        "upstream/test_pool.py::test_connection_returns_after_its_exchange"
    ],
    "idle connections kept longer than the upstream does": [
        "faults/test_brief_upstream.py::test_no_call_fails",
        "upstream/test_pool_learning.py::test_keep_alive_goes_down_with_the_upstreams",
        "upstream/test_pool_learning.py::test_keep_alive_that_the_upstream_says_is_kept",
    ],
    "fields invented for the upstream": ["functional/test_fields.py::test_nothing_is_invented"],
    "half-closed client": [
        "faults/test_client_side.py::test_within_the_head",
        "faults/test_client_side.py::test_within_the_body",
    ],
}
REDIS = {
    "slow decisions when Redis hangs or dies": [
        "access/test_redis_calls.py::test_a_hung_server",
        "access/test_redis_calls.py::test_a_killed_server",
        "functional/test_store_faults.py::test_redis_fails_under_load",
    ],
    "a script's keys in several slots": ["access/test_redis_scripts.py::test_all_keys_share_a_slot"],
    "not ready for want of Redis": [
        "admin/test_app.py::test_store_that_is_away",
        "functional/test_store_faults.py::test_start_without_redis",
    ],
}
BROWSERS = {
    "EventSource ends for ever on a status": [
        "browser/test_platform_reconnect.py::test_answers_that_stop_it",
        "functional/test_token_streams.py::test_unavailable_upstream",
        "functional/test_streams.py::test_delegated_route_yields_a_stream_or_an_error",
    ],
    "sites that only look like one": ["browser/test_cookie_streams.py::test_page_of_another_site"],
    "names of counters": ["telemetry/test_token_metrics.py::test_tokens_are_counted"],
    "last event within another": [
        "wire/test_events.py::test_nothing_lands_inside_any_event",
        "functional/test_stream_cuts.py::test_killed_after_the_head",
    ],
}
SECRETS = {
    "text of errors, URLs and names of tasks": [
        "functional/test_token_secrecy.py::test_no_secret_shows",
        "functional/test_token_secrecy.py::test_store_fault_shows_no_secret",
    ],
    "local variables in tracebacks": ["telemetry/test_logs.py::test_traceback"],
    "sanitized too early, or at the top alone": [
        "telemetry/test_sanitizing.py::test_depth_is_bounded",
        "telemetry/test_records.py::test_records",
    ],
    "YAML errors that quote": [
        "config/test_loader_secrets.py::test_planted_secret_never_shows",
        "faults/test_fuzz_configuration.py::test_mutated_files",
    ],
    "URL parsers that raise": ["wire/test_sanitize_spellings.py::test_secret_leaves_url"],
    "core dumps": ["test_serving.py::test_prepare_process"],
}
SURROUNDINGS = {
    "killed and stopped upstreams": [
        "faults/test_killed_upstreams.py::test_calls",
        "faults/test_killed_upstreams.py::test_streams",
        "faults/test_killed_upstreams.py::test_stopped",
    ],
    "delay and slicing": [
        "faults/test_upstream_side.py::test_unharmed_in_pieces",
        "faults/test_client_side.py::test_unharmed_in_pieces",
    ],
    "silent partition": [
        "faults/test_partitions.py::test_while_waiting_for_a_head",
        "faults/test_partitions.py::test_within_a_body",
        "faults/test_partitions.py::test_within_a_stream",
    ],
    "clock that jumps": ["faults/test_clock_jumps.py::test_jump"],
    "full disk under the log": [
        "faults/test_full_disk.py::test_no_space_at_all",
        "faults/test_full_disk.py::test_space_runs_out_and_comes_back",
    ],
}
TRAPS = SERVER | UPSTREAM | REDIS | BROWSERS | SECRETS | SURROUNDINGS


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests of a file."""
    nodes = ast.walk(ast.parse((TESTS / file).read_text(encoding="utf-8")))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


@pytest.mark.parametrize("tests", TRAPS.values(), ids=TRAPS)
def test_each_has_tests(tests: list[str]) -> None:
    """Every test that is named is there."""
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert name in names_in(file), test
