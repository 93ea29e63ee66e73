"""No module opens a session, or sends a query, around the tool's own settings."""

import ast
from pathlib import Path

import pytest

import fowergram_db

PACKAGE = Path(fowergram_db.__file__).parent
# They open sessions for others: the lower layer itself, and the connections that tests of a user get.
OPEN = {"database/connection.py": {"connect"}, "testdb/suite.py": {"psycopg.connect"}}
# What an own cursor does not see. Those who call it begin their transactions themselves.
RAW = {"send_query", "send_query_params", "exec_", "exec_params", "executemany", "stream", "copy"}
SENDS_RAW = {"database/simple_query.py"}


def calls(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_opens_sessions_with_the_tools_settings(path):
    name = str(path.relative_to(PACKAGE))
    called = calls(path)
    opened = {call for call in called if call in {"connect", "psycopg.connect", "Session.connect"}}
    assert opened <= OPEN.get(name, set())
    if name not in SENDS_RAW:
        assert not {call for call in called if call.rpartition(".")[2] in RAW and "pgconn" in call}
        assert not {call for call in called if call.rpartition(".")[2] in {"executemany", "stream"}}
