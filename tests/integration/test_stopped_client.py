"""A client that the system has stopped: its lock ends, and so does what waits for its data."""

import signal
import time

import pytest

from tests.integration.processes import ended, started

COPYING = """
    SELECT coalesce(wait_event, '') FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%%COPY t%%'"""
LOCKS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'fowergram-db lock%%'"""
# More than the buffers between the two hold.
ROW, ROWS = f"{'x' * 299}\n", 300_000


@pytest.mark.every_version
@pytest.mark.usefixtures("cli", "empty_db")
def test_a_client_that_is_stopped_within_copy_data_keeps_no_other_from_its_work(write, query):
    write(**{"001_t": f"CREATE TABLE t (words text);\nCOPY t FROM stdin;\n{ROW * ROWS}\\.\n"})
    with started("migrate", "--json") as stopped:
        until = time.monotonic() + 60
        while not query(COPYING):
            assert time.monotonic() < until
        stopped.send_signal(signal.SIGSTOP)
        # It reads what was sent before, and then waits for more.
        while query(COPYING) != [("ClientRead",)]:
            assert time.monotonic() < until
        assert query(LOCKS) == [(True,)]
        with started("migrate", "--json", "--wait", "60") as other:
            assert ended(other).exit_code == 0
        stopped.send_signal(signal.SIGCONT)
        assert ended(stopped).exit_code == 1
    assert query("SELECT count(*) FROM t") == [(ROWS,)]
