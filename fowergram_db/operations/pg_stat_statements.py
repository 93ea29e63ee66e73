"""Read the views of the extension pg_stat_statements, and never a substitute for one of them."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fowergram_db.database.connection import Connection
from fowergram_db.database.query import fetch_one
from fowergram_db.database.session_settings import is_pooled
from fowergram_db.database.sql import load
from fowergram_db.operations.own_statements import own_among
from fowergram_db.operations.session_control import controls_session, is_slow
from fowergram_db.operations.sort_key import SortKey

Rows = list[dict[str, Any]]

_MOST_READINGS = 4
_VIEW, _INFO = "pg_stat_statements", "pg_stat_statements_info"
_WITH_TEXTS, _WITHOUT_TEXTS = "{schema}.pg_stat_statements", "{schema}.pg_stat_statements(FALSE)"


@dataclass(frozen=True, slots=True)
class Extension:
    """The row of slow_queries_extension.sql."""

    schema: str | None
    has_info: bool
    available: bool
    preloaded: bool


@dataclass(frozen=True, slots=True)
class StatementStatistics:
    """The rows of slow_queries.sql, and since when they count: None if the extension does not say (before 1.9).

    ``unreadable`` are the rows of slow_queries_unreadable.sql if no text could be read, else None.
    """

    rows: Rows
    since: datetime | None
    unreadable: Rows | None = None


def find_extension(connection: Connection) -> Extension:
    """Find the extension in the current database; only reads."""
    row = fetch_one(connection, Extension, load("operations/slow_queries_extension"))
    assert row is not None, "the query always has one row"  # noqa: S101 - for mypy
    return row


@dataclass(frozen=True, slots=True)
class Views:
    """The views of the extension in a schema; ``has_info``: also pg_stat_statements_info.

    The owner of the schema may replace one by another view. So each query follows a lock on the view and a check that
    its name still means the extension's own, in one transaction: DivisionByZero is raised otherwise.
    """

    connection: Connection
    schema: str
    has_info: bool

    def read(self, limit: int, sort: SortKey, only: int | None) -> StatementStatistics:
        """Read the first statements, or those of one identifier, without those of this tool and of session control.

        If a text is not in the encoding of this database, the extension fails as a whole: then no text is read, and
        the statements of this tool are included. Raises psycopg.Error.
        """
        asked: Mapping[str, Any] = {"limit": limit, "sort": sort.value, "only": only}
        try:
            return self._read_without_own(asked)
        except (psycopg.errors.CharacterNotInRepertoire, psycopg.errors.UntranslatableCharacter):
            unreadable = self._query("unreadable")
            *since, rows, others = self._send(
                *self._queries(_WITHOUT_TEXTS), unreadable, values={**asked, **_left_out({})}
            )
        return StatementStatistics(rows, _moment(since), others)

    def _read_without_own(self, asked: Mapping[str, Any]) -> StatementStatistics:
        candidates = self._query("candidates")
        own = self._own_among(*self._send(candidates))
        for _ in range(_MOST_READINGS):
            *since, rows, found = self._send(
                *self._queries(_WITH_TEXTS), candidates, values={**asked, **_left_out(own)}
            )
            known, own = own, self._own_among(found)
            # Reading is a statement, too: the first one of a database is counted when the second is made.
            if own.keys() <= known.keys():
                break
        return StatementStatistics(rows, _moment(since))

    def _own_among(self, candidates: Rows) -> dict[tuple[int, int], str]:
        """Return those of the tool, and those that only control a session unless they are slow, by user and queryid."""
        own = own_among([row["query"] for row in candidates], self.schema)
        slow = {_key(row) for row in candidates if is_slow(row["calls"], row["total_ms"], row["all_ms"])}
        return {
            _key(row): row["query"]
            for row in candidates
            if row["query"] in own or (controls_session(row["query"]) and _key(row) not in slow)
        }

    def _queries(self, source: str) -> tuple[str, ...]:
        queries = (self._query("", source),)
        return (self._query("since"), *queries) if self.has_info else queries

    def _query(self, name: str, source: str = "", view: str = _VIEW) -> str:
        # With bound values a % is a placeholder, and psycopg does not double the one in an identifier.
        schema = sql.SQL(sql.Identifier(self.schema).as_string(self.connection).replace("%", "%%"))
        parts = {"schema": schema, "source": sql.SQL(source).format(schema=schema), "view": sql.SQL(view)}
        query = sql.SQL(load(f"operations/slow_queries{name and '_'}{name}"))
        return query.format(**parts).as_string(self.connection)

    def _send(self, *queries: str, values: Mapping[str, Any] | None = None) -> list[Rows]:
        """Return what each query finds; all are sent in one, after the locks and the checks."""
        client = psycopg.ClientCursor(self.connection)
        checks = [
            client.mogrify(self._query("guard", view=view), {"schema": self.schema, "view": view})
            for view in ((_VIEW, _INFO) if self.has_info else (_VIEW,))
        ]
        texts = [*checks, *(client.mogrify(query, values or {}) for query in queries)]
        # Through a pooler a query carries the settings with it, and only the last of its results is left; not so in a
        # transaction that has them.
        transaction = self.connection.transaction() if is_pooled(self.connection) else nullcontext()
        with transaction, self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute("\n".join(texts).encode())
            found: list[Rows] = []
            more: bool | None = True
            while more:
                # LOCK has no rows.
                found += [cursor.fetchall()] if cursor.description else []
                more = cursor.nextset()
        return found[len(checks) :]


def _key(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["userid"], row["queryid"]


def _left_out(own: Mapping[tuple[int, int], str]) -> dict[str, str]:
    """Return the parameters as texts: psycopg adds a type to a list, and the query would not look like ours."""
    users, queries = ([str(key[at]) for key in own] for at in (0, 1))
    return {"own_users": f"{{{','.join(users)}}}", "own_queries": f"{{{','.join(queries)}}}"}


def _moment(since: list[Rows]) -> datetime | None:
    seconds = since[0][0]["since"] if since else None
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
