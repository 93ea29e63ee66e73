"""What each name in shipped SQL resolves to, as the server's own parse trees show it.

``python -m tests.attacks.resolution URL`` sets traps in a database of its own on a server, as a role of its own, and
prints a line for each call: its place, and what it resolves to. ``!`` marks the traps.
"""

import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg

from fowergram_db.database.sql import shipped_migrations
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget
from tests.attacks.shipped import Statement, statements
from tests.attacks.traps import set_traps
from tests.integration.conftest import target_of

_TOKEN = re.compile(r"[{}()]|(?:\\.|[^\s{}()\\])+", re.DOTALL)
# The fields of a parse tree that hold the OID of something that is named or found.
_FIELDS = {
    **dict.fromkeys((":opno", ":opnos"), "operator"),
    **dict.fromkeys((":funcid", ":aggfnoid", ":winfnoid"), "function"),
    **dict.fromkeys((":consttype", ":resulttype", ":vartype"), "type"),
    **dict.fromkeys((":collOid", ":constcollid", ":resultcollid"), "collation"),
    ":relid": "relation",
}
_SENT_AS = ("int2", "int4", "int8")
# Printed by the server, client_min_messages = log sends it here.
_SHOW_TREES = "SET debug_print_parse = on; SET debug_pretty_print = off; SET client_min_messages = log"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its place, what is called or used (operator, function, type, collation or relation), and its OID."""

    file: str
    line: int
    catalog: str
    oid: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """A call, and what it resolves to: its name as SQL writes it, and its owner."""

    call: Call
    name: str
    owner: str

    def __str__(self) -> str:
        return f"{self.call.file}:{self.call.line} {self.name}"


def shipped_calls(connection: psycopg.Connection) -> list[Resolved]:
    """Return the calls of shipped queries and of the product's functions that set no search_path, each once.

    The database holds the product's schema; the session is a superuser's, and its search_path that of an application.
    """
    connection.execute(_STAND_INS)
    trees = Trees(connection)
    version = connection.info.server_version // 10000
    queries = [s for s in statements(_PLACEHOLDERS) if s.is_query and _oldest_server(s) <= version]
    calls = [call for query in queries for call in trees.of_query(query)]
    calls += [call for body in _functions(connection) for call in trees.of_definition(body)]
    return resolve(connection, list(dict.fromkeys(calls)))


def _oldest_server(statement: Statement) -> int:
    """Return the first version that has what a query reads."""
    if statement.file == "sql/sessions/progress.sql" or "pg_stat_statements_info" in statement.text:
        return 14
    return 13


def _functions(connection: psycopg.Connection) -> list[Statement]:
    """Return the definitions of functions whose bodies are resolved with the search path of their callers.

    Procedures in PL/pgSQL, which commit, cannot set one: tests/properties/test_qualified_names.py reads those.
    """
    rows = connection.execute(_WITHOUT_PATH).fetchall()
    assert [name for name, language, _ in rows if language != "sql"] == []
    return [Statement(str(name), 1, str(definition)) for name, _, definition in rows]


_WITHOUT_PATH = """
    SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text, l.lanname::pg_catalog.text,
        pg_catalog.pg_get_functiondef(p.oid)
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_language AS l ON l.oid OPERATOR(pg_catalog.=) p.prolang
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) ANY ('{public,api}'::pg_catalog.name[])
        AND l.lanname OPERATOR(pg_catalog.=) ANY ('{sql,plpgsql}'::pg_catalog.name[])
        AND (p.prokind OPERATOR(pg_catalog.<>) 'p'::"char" OR l.lanname OPERATOR(pg_catalog.=) 'sql'::pg_catalog.name)
        AND p.proowner OPERATOR(pg_catalog.=) current_user::pg_catalog.regrole::pg_catalog.oid
        AND NOT EXISTS (
            SELECT FROM pg_catalog.unnest(p.proconfig) AS c (setting)
            WHERE pg_catalog.starts_with(c.setting, 'search_path=')
        )
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'::"char"
        )
    ORDER BY 1"""
# The histories of other tools, of the types that these give their columns, and one of ours with texts for versions;
# extensions away from public.
_TOOLS = {
    "dbmate": "version varchar(128)",
    "diesel": "version varchar(50), run_on timestamp",
    "flyway": "installed_rank int, version varchar(50), description varchar(200), type varchar(20), "
    "installed_on timestamp, success boolean",
    "golang_migrate": "version bigint, dirty boolean",
    "goose": "id int, version_id bigint, is_applied boolean, tstamp timestamp",
    "renumber": "filename text, version text, position text",
    "run_migrations_sh": "id int, filename varchar(255), executed_at timestamp, checksum varchar(64)",
    "sqitch": "change text, committed_at timestamptz, planned_at timestamptz",
    "sql_migrate": "id text, applied_at timestamptz",
    "sqlx": "version bigint, description text, installed_on timestamptz, success boolean",
    "prisma": "migration_name varchar(255), finished_at timestamptz, started_at timestamptz, "
    "rolled_back_at timestamptz",
    "by_column": "version int, name varchar(255), applied_on timestamp",
    "summary": "version varchar(50), run_on timestamp",
}
_CITUS = {"pg_dist_local_group": "groupid int", "citus_tables": "table_name regclass"}
_PLACEHOLDERS = {tool: f"stand_in.{tool}" for tool in _TOOLS} | {"slow_queries": "stand_in"}
_STAND_INS = "CREATE SCHEMA stand_in; CREATE EXTENSION pg_stat_statements SCHEMA stand_in;" + "".join(
    f"CREATE TABLE stand_in.{tool} ({columns});" for tool, columns in (_TOOLS | _CITUS).items()
)


class Trees:
    """A session that keeps the parse trees of what it analyses."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._seen: list[str] = []
        connection.execute(_SHOW_TREES)
        connection.add_notice_handler(self._keep)

    def _keep(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.message_primary == "parse tree:" and notice.message_detail:
            self._seen.append(notice.message_detail)

    def of_query(self, statement: Statement) -> list[Call]:
        """Prepare a query, its parameters of each type in which psycopg sends them, and return its calls.

        Strings are sent untyped. A number that fits is sent as one of two bytes: what is prepared with types that do
        not fit at all fails, and counts for nothing.
        """
        self._seen.clear()
        self._prepare(statement, {}, AssertionError)
        for parameter in range(len(set(re.findall(r"\$\d+", statement.text)))):
            for type_ in _SENT_AS:
                self._prepare(statement, {parameter: psycopg.adapters.types[type_].oid}, None)
        return [call for tree in self._seen for call in _calls(tree, statement)]

    def _prepare(self, statement: Statement, types: dict[int, int], failure: type[Exception] | None) -> None:
        listed = [types.get(number, 0) for number in range(max(types, default=-1) + 1)]
        result = self._connection.pgconn.prepare(b"", statement.text.encode(), listed)
        if failure and result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise failure(f"{statement.file}:{statement.line}: {result.error_message.decode()}")

    def of_definition(self, statement: Statement) -> list[Call]:
        """Run the CREATE FUNCTION of an SQL function, whose check analyses its body, and return the body's calls."""
        self._seen.clear()
        self._connection.execute(statement.text)
        return [call for tree in self._seen for call in _calls(tree, statement)]


def resolve(connection: psycopg.Connection, calls: list[Call]) -> list[Resolved]:
    """Name what is called. The queries of this function are qualified throughout: traps are set around it."""
    names = {}
    for catalog, query in _NAMES.items():
        oids = sorted({call.oid for call in calls if call.catalog == catalog})
        rows = connection.execute(query, [oids]).fetchall()
        names |= {(catalog, int(oid)): (str(name), str(owner)) for oid, name, owner in rows}
    return [Resolved(call, *names[call.catalog, call.oid]) for call in calls]


_NAMES = {
    "operator": """
        SELECT o.oid::pg_catalog.int8, pg_catalog.concat(
                n.nspname, '.', o.oprname, '(', pg_catalog.format_type(o.oprleft, NULL), ', ',
                pg_catalog.format_type(o.oprright, NULL), ')'),
            pg_catalog.pg_get_userbyid(o.oprowner)
        FROM pg_catalog.pg_operator AS o
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
        WHERE o.oid OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.oid[])""",
    "function": """
        SELECT p.oid::pg_catalog.int8, pg_catalog.concat(
                n.nspname, '.', p.proname, '(', pg_catalog.pg_get_function_identity_arguments(p.oid), ')'),
            pg_catalog.pg_get_userbyid(p.proowner)
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        WHERE p.oid OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.oid[])""",
    "type": """
        SELECT t.oid::pg_catalog.int8, pg_catalog.concat(n.nspname, '.', t.typname),
            pg_catalog.pg_get_userbyid(t.typowner)
        FROM pg_catalog.pg_type AS t
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
        WHERE t.oid OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.oid[])""",
    "collation": """
        SELECT c.oid::pg_catalog.int8, pg_catalog.concat(n.nspname, '.', c.collname),
            pg_catalog.pg_get_userbyid(c.collowner)
        FROM pg_catalog.pg_collation AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.collnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.oid[])""",
    "relation": """
        SELECT c.oid::pg_catalog.int8, pg_catalog.concat(n.nspname, '.', c.relname),
            pg_catalog.pg_get_userbyid(c.relowner)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.oid[])""",
}


def _calls(tree: str, statement: Statement) -> Iterator[Call]:
    """Find the calls in one parse tree, each with the line of its node."""
    node, _ = _node(_TOKEN.findall(tree), 0)
    yield from _within(node, statement, 0)


def _within(node: object, statement: Statement, outer: int) -> Iterator[Call]:
    if isinstance(node, list):
        for part in node:
            yield from _within(part, statement, outer)
    if isinstance(node, dict):
        place = int(node.get(":location", [-1])[0])
        place = outer if place < 0 else place
        for field, value in node.items():
            if catalog := _FIELDS.get(field):
                for oid in filter(int, re.findall(r"\d+", str(value))):
                    yield Call(statement.file, statement.line_of(place), catalog, int(oid))
            yield from _within(value, statement, place)


def _node(tokens: list[str], at: int) -> tuple[object, int]:
    """Read a node ``{TYPE :field value …}``, a list ``( … )`` or a word, from a place on."""
    if tokens[at] == "(":
        parts, at = [], at + 1
        while tokens[at] != ")":
            part, at = _node(tokens, at)
            parts.append(part)
        return parts, at + 1
    if tokens[at] != "{":
        return tokens[at], at + 1
    fields: dict[str, list[object]] = {}
    field, at = ":", at + 1
    while tokens[at] != "}":
        if tokens[at].startswith(":"):
            field = tokens[at]
            fields.setdefault(field, [])
            at += 1
        else:
            part, at = _node(tokens, at)
            fields.setdefault(field, []).append(part)
    return fields, at + 1


@contextmanager
def _trapped(url: str) -> Iterator[tuple[psycopg.Connection, str]]:
    """Make a database with the product's schema and traps, and a role that owns these; both are gone afterwards."""
    name = f"fowergram_test_{uuid.uuid4().hex[:12]}"
    target = replace(target_of(url), dbname=name)
    migrate(target, read_migrations(shipped_migrations()), UpgradeTarget(), lambda _event: None)
    with psycopg.connect(url, autocommit=True) as admin:
        try:
            with psycopg.connect(url, dbname=name, autocommit=True) as connection:
                connection.execute(f"CREATE ROLE {name}; GRANT CREATE ON SCHEMA public TO {name}; SET ROLE {name}")
                set_traps(connection, "public", "")
                connection.execute("RESET ROLE")
                yield connection, name
        finally:
            admin.execute(f"DROP DATABASE {name}")
            admin.execute(f"DROP ROLE IF EXISTS {name}")


def main(url: str) -> int:
    """Print the table; return 1 where a trap is among what is called."""
    with _trapped(url) as (connection, role):
        found = shipped_calls(connection)
    for resolved in found:
        sys.stdout.write(f"{'!' if resolved.owner == role else ' '} {resolved}\n")
    return int(any(resolved.owner == role for resolved in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
