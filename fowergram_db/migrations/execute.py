"""Run one script in one transaction together with its bookkeeping row, and say exactly where it failed."""

import time
import unicodedata
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import psycopg
from psycopg import generators, pq

from fowergram_db import __version__
from fowergram_db.database.connection import LOCK_NOT_AVAILABLE, Connection, message_of, report_of, statement_hint
from fowergram_db.database.redaction import mask_passwords, redact, secrets_in
from fowergram_db.database.sql import load
from fowergram_db.errors import FowergramError, Location, LockTimeout, MigrationFailed, Refused, ServerReport
from fowergram_db.migrations.checks import read_script
from fowergram_db.migrations.directives import Directives, parse_directives
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.script import Script, position

_BOOKKEEPING = {Direction.UP: "bookkeeping/insert", Direction.DOWN: "bookkeeping/delete"}
# What a script may have SET for the whole session must not reach the bookkeeping or the next migration.
_RESETS = ("RESET SESSION AUTHORIZATION", "RESET ALL")
_HINTS = {
    "25001": "A migration runs in a transaction, and this command cannot: run it by hand, or write it otherwise.",
}
_WIDEST_EXCERPT = 160
_CANCEL_S = 5.0


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that is done and committed, and how long its script took, in ms."""

    step: Step
    duration_ms: float


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step whose script was read and found fit to run as one transaction."""

    step: Step
    script: Script
    directives: Directives


def check(step: Step) -> CheckedStep:
    """Read a step's script, that which would undo it included. Raises FileFault; runs nothing."""
    if step.down_sql is not None:
        read_script(step.down_source, step.down_sql)
    directives = parse_directives(step.source, step.text)
    if not directives.transactional:
        raise Refused(
            f"{step.filename}: migrations without a transaction are not supported yet", hint="Run it by hand."
        )
    return CheckedStep(step, read_script(step.source, step.text), directives)


def require_standard_strings(connection: Connection) -> None:
    r"""Raise Refused where the server reads ``'\'`` otherwise than the SQL standard, and so than ``check`` did."""
    if connection.info.parameter_status("standard_conforming_strings") == "off":
        raise Refused(
            "standard_conforming_strings is off here: a backslash could hide a COMMIT from the checks; nothing was run",
            hint="Take the setting away from the database, the role or the server's configuration.",
        )


def apply(connection: Connection, checked: CheckedStep) -> StepResult:
    """Run a step and commit it with its bookkeeping: all of it or, where anything fails, nothing.

    Two round trips: the script goes to the server whole, which cuts it itself; then the bookkeeping with the
    COMMIT, so that a server whose client has died in between commits nothing. Raises MigrationFailed or
    LockTimeout, the transaction rolled back.
    """
    began = time.perf_counter()
    try:
        transaction = _run(connection, checked)
        duration_ms = (time.perf_counter() - began) * 1000
        _commit(connection, checked, transaction, duration_ms)
    except BaseException:
        _roll_back(connection)
        raise
    return StepResult(checked.step, duration_ms)


def _run(connection: Connection, checked: CheckedStep) -> str:
    """Send BEGIN, settings and script as one query; return the transaction's number."""
    opening = ("BEGIN;", "SELECT pg_catalog.pg_current_xact_id()::text;", *_settings(checked.directives))
    prefix = "".join(opening)
    try:
        results = _send(connection, prefix + checked.script.text)
    except psycopg.Error as error:
        raise _failure(checked, error, None) from error
    last = results[-1]
    if last.status == pq.ExecStatus.FATAL_ERROR:
        said = psycopg.errors.error_from_result(last)
        offset = _offset(checked.script, said, done=len(results) - 1 - len(opening), shift=len(prefix))
        raise _failure(checked, said, offset) from said
    return (results[1].get_value(0, 0) or b"").decode()


def _settings(directives: Directives) -> Iterator[str]:
    """Yield the settings of this transaction alone: through a pooler, any other would reach somebody else."""
    for name in ("lock_timeout", "statement_timeout"):
        if (milliseconds := getattr(directives, f"{name}_ms")) is not None:
            yield f"SET LOCAL {name} = {milliseconds};"


def _send(connection: Connection, query: str) -> list[pq.abc.PGresult]:
    """Run a query of many statements; return a result for each that ran, the failed one last."""
    with connection.lock:
        connection.pgconn.send_query(query.encode())
        results: list[pq.abc.PGresult] = connection.wait(generators.execute(connection.pgconn))
    if results[-1].status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT):
        connection.close()
        raise psycopg.NotSupportedError("COPY from or to the client is not supported in a migration yet")
    return results


def _commit(connection: Connection, checked: CheckedStep, transaction: str, duration_ms: float) -> None:
    step = checked.step
    row = {
        "version": step.version,
        "name": step.name,
        "filename": step.filename,
        "checksum": step.checksum,
        "down_sql": step.down_sql,
        "duration_ms": duration_ms,
        "statements_done": len(checked.script.statements),
        "tool_version": __version__,
        "transaction": transaction,
    }
    try:
        if connection.info.encoding != "utf-8":
            # What is queued below would be encoded as the script has left it.
            connection.execute("RESET client_encoding")
        with connection.pipeline():
            for reset in _RESETS:
                connection.execute(reset)
            connection.execute(load(_BOOKKEEPING[step.direction]), row)
            connection.execute("COMMIT")
    except psycopg.errors.DivisionByZero as error:
        raise MigrationFailed(
            f"{step.filename} has ended its own transaction, or its row in the history is not where it was",
            hint="Look at what it has done, and take the transaction control out of it.",
            location=Location(step.source),
        ) from error
    except psycopg.Error as error:
        raise _failure(checked, error, None, doing="could not be committed") from error


def _roll_back(connection: Connection) -> None:
    """Roll back what is left of a failed step. A lost connection has done so itself."""
    try:
        if connection.info.transaction_status is pq.TransactionStatus.ACTIVE:
            # An interrupt just before the wait for the server: the script is still running there.
            connection.cancel_safe(timeout=_CANCEL_S)
        connection.rollback()
    except psycopg.Error:
        connection.close()


def _offset(script: Script, error: psycopg.Error, *, done: int, shift: int) -> int | None:
    """Return where in the script an error stands: the server's position, else the start of its statement."""
    if error.diag.statement_position:
        return max(0, int(error.diag.statement_position) - 1 - shift)
    return script.statements[done].start if 0 <= done < len(script.statements) else None


def _failure(checked: CheckedStep, error: psycopg.Error, offset: int | None, doing: str = "failed") -> FowergramError:
    """Turn the server's error into one that shows file, line, column, statement and source line."""
    step, script = checked.step, checked.script
    secrets = secrets_in(script.text)
    said = report_of(error.diag)
    report = ServerReport(*(redact(value, secrets) for value in astuple(said)))
    message = redact(message_of(error), secrets)
    hint = _hint(error)
    kind = LockTimeout if report.sqlstate == LOCK_NOT_AVAILABLE else MigrationFailed
    if offset is None:
        return kind(f"{step.filename} {doing}: {message}", hint=hint, location=Location(step.source), server=report)
    number = script.number_at(offset)
    statement = script.statements[number - 1] if number else None
    which = f"statement {number} of {len(script.statements)} ({statement.label})" if statement else "a statement"
    line, column = position(script.text, offset)
    return kind(
        f"{step.filename} {doing} at {which}: {message}",
        hint=hint,
        location=Location(step.source, line, column),
        excerpt=excerpt(mask_passwords(script.text), offset),
        server=report,
    )


def _hint(error: psycopg.Error) -> str:
    if error.diag.constraint_name == "schema_migrations_version_key":
        return "Somebody else has just applied this migration: look at `fowergram-db status`."
    sqlstate = error.diag.sqlstate or ""
    if sqlstate == LOCK_NOT_AVAILABLE:
        return "Run it again when the table is free, or raise lock-timeout in the header of the file."
    known = _HINTS.get(sqlstate) or statement_hint(sqlstate)
    return known or "Correct the file and run the command again: what is applied stays."


def excerpt(text: str, offset: int) -> str:
    r"""Return the line that an offset lies in, and under it a caret where a terminal shows that character.

    >>> print(excerpt("SELECT 1;\nSELCT 2;", 10))
    SELCT 2;
    ^
    """
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : end if end >= 0 else len(text)].rstrip()
    cut = max(0, offset - start - _WIDEST_EXCERPT // 2)
    shown = line[cut : cut + _WIDEST_EXCERPT]
    return f"{shown}\n{''.join(map(_blank, shown[: offset - start - cut]))}^"


def _blank(character: str) -> str:
    """Return white space as wide as a character: Thai vowels above and below take none, a tab stays a tab."""
    if character == "\t":
        return character
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    return "  " if unicodedata.east_asian_width(character) in ("W", "F") else " "
