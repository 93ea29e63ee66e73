"""Turn what the server said of a script into an error that shows where it stands in the file."""

import unicodedata
from dataclasses import astuple

import psycopg

from fowergram_db.database.connection import LOCK_NOT_AVAILABLE, message_of, report_of, statement_hint
from fowergram_db.database.redaction import mask_passwords, redact, secrets_in
from fowergram_db.errors import FowergramError, Location, LockTimeout, MigrationFailed, ServerReport
from fowergram_db.migrations.plan import Step
from fowergram_db.migrations.script import Script

_HINTS = {
    "25001": "This command cannot run in a transaction: write `-- fowergram: no-transaction` at the top of the file.",
    "22P05": "The database's encoding lacks the character: make the database anew with ENCODING 'UTF8'.",
}
_WIDEST_EXCERPT = 160


def failure(
    step: Step, script: Script, error: psycopg.Error, offset: int | None, doing: str = "failed"
) -> FowergramError:
    """Return the error to raise: file, line, column, statement and source line, where an offset says them.

    A lock that was not to be had makes it a LockTimeout. Passwords are masked.
    """
    secrets = secrets_in(script.text)
    report = ServerReport(*(redact(value, secrets) for value in astuple(report_of(error.diag))))
    message = redact(message_of(error), secrets)
    kind = LockTimeout if report.sqlstate == LOCK_NOT_AVAILABLE else MigrationFailed
    hint = _hint(error)
    if offset is None:
        return kind(f"{step.filename} {doing}: {message}", hint=hint, location=Location(step.source), server=report)
    number = script.number_at(offset)
    statement = script.statements[number - 1] if number else None
    which = f"statement {number} of {len(script.statements)} ({statement.label})" if statement else "a statement"
    return kind(
        f"{step.filename} {doing} at {which}: {message}",
        hint=hint,
        location=Location(step.source, *step.sql.position(offset)),
        excerpt=excerpt(mask_passwords(script.text), offset),
        server=report,
    )


def _hint(error: psycopg.Error) -> str:
    if error.diag.constraint_name == "schema_migrations_version_key":
        return "Somebody else has just applied this migration: look at `fowergram-db status`."
    sqlstate = error.diag.sqlstate or ""
    if sqlstate == LOCK_NOT_AVAILABLE:
        return "Run it again when the table is free, or wait longer: --lock-timeout, --lock-retries."
    known = _HINTS.get(sqlstate) or statement_hint(error)
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
