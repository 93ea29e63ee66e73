"""A client that the system has stopped: its lock ends, and so does what waits for its data."""

import signal
import time

import pytest

from tests.integration.processes import ended, started

COPYING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND wait_event = 'ClientRead' AND query LIKE '%%COPY t%%'"""
LOCKS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'fowergram-db lock%%'"""
MORE = "12345\n" * 20_000


@pytest.mark.every_version
@pytest.mark.usefixtures("cli", "empty_db")
def test_a_client_that_is_stopped_within_copy_data_keeps_no_other_from_its_work(write, query):
    write(**{"001_t": "CREATE TABLE t (id int);\nCOPY t FROM stdin;\n" + MORE * 100 + "\\.\n"})
    with started("migrate", "--json") as stopped:
        until = time.monotonic() + 30
        while True:
            # It reads more only after it has continued, so what the server waits for is data.
            stopped.send_signal(signal.SIGSTOP)
            time.sleep(0.1)
            if query(COPYING):
                break
            assert time.monotonic() < until
            stopped.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        assert query(LOCKS) == [(True,)]
        with started("migrate", "--json", "--wait", "15") as other:
            assert ended(other).exit_code == 0
        stopped.send_signal(signal.SIGCONT)
        assert ended(stopped).exit_code == 1
    assert query("SELECT count(*) FROM t") == [(2_000_000,)]
