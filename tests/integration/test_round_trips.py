"""How often a command waits for the server, where that is exact: after the login, each answer that ends a query."""

import re
import time

import pytest

from tests.integration.proxy import Proxy

READY = re.compile(rb"Z\0\0\0\x05[ITE]")
FILES = {f"{n:03}_a": f"CREATE TABLE a{n} (id int PRIMARY KEY);" for n in range(1, 4)}
SESSIONS = "SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
ENDS_WITHIN_S = 20


class Counter(Proxy):
    """A proxy that counts logins, and how often the server was ready for the next query."""

    logins = 0
    ready = 0

    def _accept(self) -> None:
        super()._accept()
        self.logins += 1

    def _passed(self, data: bytes) -> None:
        self.ready += len(READY.findall(data))

    @property
    def trips(self) -> int:
        return self.ready - self.logins


@pytest.fixture
def count(cli, target, admin, monkeypatch):
    """Run a command once all sessions of the database have ended, and return how many round trips it took."""

    def run(*arguments: str) -> int:
        until = time.monotonic() + ENDS_WITHIN_S
        while admin.execute(SESSIONS, [target.dbname]).fetchone():
            assert time.monotonic() < until
        proxy = Counter(target.host, int(target.port))
        try:
            with monkeypatch.context() as through:
                through.setenv("DB_HOST", "127.0.0.1")
                through.setenv("DB_PORT", str(proxy.port))
                result = cli(*arguments)
        finally:
            proxy.close()
        assert result.exit_code == 0, result.err
        return proxy.trips

    return run


def test_reading_the_history_takes_three_and_partitions_one_more(cli, write, count):
    write(**FILES)
    assert cli("migrate").exit_code == 0
    assert count("status") == 3
    assert count("migrate") == 4


def test_a_reset_that_deletes_rows_takes_eleven(cli, write, count, query):
    write(**FILES)
    assert cli("reset", "--warm", "0").exit_code == 0
    query("INSERT INTO a1 VALUES (1)")
    assert count("reset") == 11
    assert query("SELECT * FROM a1") == []


def test_a_log_takes_no_more(cli, write, count):
    write(**FILES)
    assert cli("migrate").exit_code == 0
    assert count("status", "-vv") == 3
    assert count("migrate", "-vv", "--log-format", "json") == 4
