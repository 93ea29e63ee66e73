"""Give each script a session in which nothing of the script before it is left, nor of a pooler's other clients."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import pq

from fowergram_db.database.connection import Connection
from fowergram_db.database.session_settings import kept_settings_again
from fowergram_db.database.settings_sql import RESETS, discards
from fowergram_db.database.sql import load
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.transaction_preamble import compose
from fowergram_db.migrations.script.scanner import Script, Statement

CHECK_CONSTRAINTS = "SET CONSTRAINTS ALL IMMEDIATE;"
"""What checks after a script, as its own role, what COMMIT would: a table with open checks cannot be dropped."""
DISCARD_TEMPORARY = "DISCARD TEMP;"
_DEFERRABLE = "catalog/deferrable_constraints"
_DEFERRABLE_WORD = re.compile(r"\bdeferrable\b", re.IGNORECASE)
_SAVEPOINT = "fowergram_script"
_SETS = (("SET",), ("RESET",))
_REPEATED = (*_SETS, ("LISTEN",), ("LOAD",), ("PREPARE",))
_KEEPS = (*_REPEATED, ("DECLARE",))
_TEMPORARY_WORDS = frozenset(("GLOBAL", "LOCAL", "TEMP", "TEMPORARY"))
_TEMPORARY = re.compile(r"\bpg_temp\w*", re.IGNORECASE)
_INTO_TEMPORARY = re.compile(r"\binto\s+(?:local\s+|global\s+)?temp(?:orary)?\b", re.IGNORECASE)
_LOCK = re.compile(r"\bpg_(?:try_)?advisory_lock(?:_shared)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """What a session had when our transaction began.

    Settings, prepared statements and locks are what other clients of a pooler had left. ``deferrable``: the database
    has constraints that wait, or can be made to, or one of the scripts adds some.
    """

    settings: tuple[tuple[str, str], ...] = ()
    prepared: bool = False
    locked: bool = False
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class SessionChecks:
    """The queries that go between BEGIN and the settings of a script; ``found`` reads their results."""

    is_pooled: bool
    steps: Sequence[CheckedStep]

    @property
    def is_of_many(self) -> bool:
        """Return whether the transaction runs several scripts."""
        return len(self.steps) > 1

    @property
    def queries(self) -> tuple[str, ...]:
        """The queries. What others have in pg_temp would come before what a script means."""
        of_pooler = (DISCARD_TEMPORARY, load("sessions/left_settings"), load("sessions/left_in_session"))
        return (*(of_pooler if self.is_pooled else ()), *((load(_DEFERRABLE),) if self.is_of_many else ()))

    def found(self, results: Sequence[pq.abc.PGresult]) -> Found:
        """Return what the results of the queries say."""
        deferrable = self.is_of_many and (
            results[-1].ntuples > 0 or any(_DEFERRABLE_WORD.search(checked.script.text) for checked in self.steps)
        )
        if not self.is_pooled:
            return Found(deferrable=deferrable)
        _, settings, kept = results[:3]
        pairs = tuple((_text(settings, row, 0), _text(settings, row, 1)) for row in range(settings.ntuples))
        return Found(pairs, _text(kept, 0, 0) == "t", _text(kept, 0, 1) == "t", deferrable)


def _text(result: pq.abc.PGresult, row: int, column: int) -> str:
    return (result.get_value(row, column) or b"").decode()


def resets(context: RunContext, checked: CheckedStep, found: Found, *, is_last: bool) -> str:
    """Return what resets a session after a script: neither the bookkeeping nor another client may find its settings.

    In a session of a pooler, what other clients have set, prepared and locked stays. If the transaction continues,
    deferred constraints are deferred again.
    """
    connection = context.connection
    if connection.info.encoding != "utf-8":
        # The query would be read as the script has left it.
        connection.execute("RESET client_encoding")
    prepared = _prepared_by_script(connection) if found.prepared else ""
    limit = context.policy.locks.of(checked.directives)[0]
    return " ".join(
        (
            CHECK_CONSTRAINTS if is_last else _check_each(connection, found),
            RESETS,
            kept_settings_again(connection),
            _set_again(connection, found),
            discards(prepared=not found.prepared, locked=not found.locked),
            prepared,
            f"SET LOCAL lock_timeout = {limit};",
        )
    )


def _check_each(connection: Connection, found: Found) -> str:
    """Return what checks constraints by name: after ALL, those that a later script adds would not be deferred."""
    if not found.deferrable:
        return ""
    rows = [(str(name), bool(deferred)) for name, deferred in connection.execute(load(_DEFERRABLE)).fetchall()]
    return _set_constraints((name for name, _ in rows), "IMMEDIATE") + _set_constraints(
        (name for name, deferred in rows if deferred), "DEFERRED"
    )


def _set_constraints(names: Iterable[str], to: str) -> str:
    listed = ", ".join(names)
    return f"SET CONSTRAINTS {listed} {to};" if listed else ""


def _prepared_by_script(connection: Connection) -> str:
    """Return what deallocates the statements of this transaction only. One round trip."""
    rows = connection.execute(load("sessions/prepared_here")).fetchall()
    return "".join(f"DEALLOCATE {name};" for (name,) in rows)


def _set_again(connection: Connection, found: Found) -> str:
    """Return the statements that set in a session what others had set there."""
    call = "SELECT pg_catalog.set_config(%(name)s, %(value)s, false);"
    return "".join(compose(connection, call, {"name": name, "value": value}) for name, value in found.settings)


def savepoint(checked: CheckedStep) -> tuple[str, str]:
    """Return what encloses a script that has savepoints, so that no later script can roll back to them.

    It encloses a read-only script, too: its row must be written.
    """
    has_savepoints = any(statement.words[:1] == ("SAVEPOINT",) for statement in checked.script.statements)
    if not has_savepoints and not checked.directives.modes.read_only:
        return "", ""
    return f"SAVEPOINT {_SAVEPOINT};", f"RELEASE SAVEPOINT {_SAVEPOINT};"


def is_setting(statement: Statement) -> bool:
    """Return whether a statement sets something for its session."""
    return statement.words[:1] in _SETS


def can_be_repeated(statement: Statement, text: str) -> bool:
    """Return whether a statement, run again in another session, keeps the same in it.

    >>> from fowergram_db.migrations.script.scanner import scan
    >>> text = "SET a.b = 1; SELECT pg_advisory_lock(1); CREATE TEMP TABLE t (i int)"
    >>> [can_be_repeated(s, text[s.start : s.end]) for s in scan(text).statements]
    [True, True, False]
    """
    return statement.words[:1] in _REPEATED or (statement.words[:1] == ("SELECT",) and bool(_LOCK.search(text)))


def keeping(script: Script) -> tuple[Statement, ...]:
    """Return the statements that say that they keep something in their session; code that they call may keep more.

    >>> from fowergram_db.migrations.script.scanner import scan
    >>> [s.label for s in keeping(scan("CREATE TEMP TABLE t (i int); CREATE TABLE u (temp int); SET a.b = 1"))]
    ['CREATE TEMP TABLE', 'SET']
    >>> keeping(scan("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(1)'"))
    ()
    """
    return tuple(s for s in script.statements if _keeps(s, script.text[s.start : s.end]))


def _keeps(statement: Statement, text: str) -> bool:
    words = statement.words
    if words[:1] == ("CREATE",):
        # The body of a function does not run yet.
        return not _TEMPORARY_WORDS.isdisjoint(words[1:4]) or bool(_TEMPORARY.search(text.partition("(")[0]))
    return words[:1] in _KEEPS or bool(_LOCK.search(text) or _INTO_TEMPORARY.search(text))
