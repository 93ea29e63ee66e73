"""Turn an error of the server into one that shows its position in the file."""

import re
import unicodedata
from dataclasses import astuple

import psycopg

from fowergram_db.database.server_errors import LOCK_NOT_AVAILABLE, message_of, report_of, statement_hint
from fowergram_db.database.situations import Situation
from fowergram_db.errors import FowergramError, Location, LockTimeout, MigrationFailed, ServerReport
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.plan import Direction
from fowergram_db.printable import escaped

_UNTRANSLATABLE = "22P05"
_BYTES = re.compile(r"0x[0-9a-f]{2}(?: 0x[0-9a-f]{2})*")
_WIDEST_EXCERPT = 160


def failure(
    context: RunContext, checked: CheckedStep, error: psycopg.Error, offset: int | None, doing: str = "failed"
) -> FowergramError:
    """Return the error to raise: file, line, column, statement and source line, if the offset is known.

    The hint is chosen by what the step was part of. A lock timeout makes it a LockTimeout. Passwords are masked.
    """
    from fowergram_db.redaction.messages import forms, mask_message, masked, repetitions, secrets_in

    step, script = checked.step, checked.script
    found = secrets_in(script.text, script.data)
    secrets = forms(found, script.text)
    report = ServerReport(*(mask_message(value, secrets) for value in astuple(report_of(error.diag))))
    message = mask_message(message_of(error), secrets)
    # A traceback shows the cause as well, with the line of the script that the server quotes.
    error.args = (mask_message(str(error), secrets),)
    kind = LockTimeout if report.sqlstate == LOCK_NOT_AVAILABLE else MigrationFailed
    hint = statement_hint(error, _situation(context, checked))
    if report.sqlstate == _UNTRANSLATABLE and offset is not None:
        offset = _character_named(message, script.text, offset)
    if offset is None:
        return kind(f"{step.script_name} {doing}: {message}", hint=hint, location=Location(step.source), server=report)
    number = script.number_at(offset)
    spans = (span for secret in found for span in secret.spans)
    statement = script.statements[number - 1] if number else None
    which = f"statement {number} of {len(script.statements)} ({statement.label})" if statement else "a statement"
    return kind(
        f"{step.script_name} {doing} at {which}: {message}",
        hint=hint,
        location=Location(step.source, *step.sql.position(offset)),
        excerpt=excerpt(masked(script.text, (*spans, *repetitions(script.text, secrets))), offset),
        server=report,
    )


def _situation(context: RunContext, checked: CheckedStep) -> Situation:
    """Return what a script was part of: with a guard, a database is built next to others."""
    if context.guard is not None:
        return Situation.BUILDING
    if not checked.step.is_file:
        return Situation.DOWN_RECORDED
    match checked.step.direction, checked.directives.transactional:
        case Direction.UP, True:
            return Situation.UP
        case Direction.UP, _:
            return Situation.UP_NO_TRANSACTION
        case _, True:
            return Situation.DOWN
        case _:
            return Situation.DOWN_NO_TRANSACTION


def _character_named(message: str, text: str, offset: int) -> int:
    """Return the offset of the character that the database's encoding lacks: the server reports its bytes, no position.

    If it is not in the text, as in data that was left out of it, the statement's offset.

    >>> _character_named("byte sequence 0xe0 0xb8 0x81 has no equivalent", "SELECT 1, 'ก'", 0)
    11
    """
    named = _BYTES.search(message)
    character = bytes.fromhex(named[0].replace("0x", "")).decode(errors="replace") if named else "\0"
    places = (text.find(character, offset), text.find(character), offset)
    return next(place for place in places if place >= 0)


def excerpt(text: str, offset: int) -> str:
    r"""Return the line of an offset, and under it a caret where a terminal shows that character.

    >>> print(excerpt("SELECT 1;\nSELCT 2;", 10))
    SELCT 2;
    ^
    """
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : end if end >= 0 else len(text)].rstrip()
    skipped = max(0, offset - start - _WIDEST_EXCERPT // 2)
    shown = line[skipped : skipped + _WIDEST_EXCERPT]
    return f"{escaped(shown)}\n{''.join(map(_blank, escaped(shown[: offset - start - skipped])))}^"


def _blank(character: str) -> str:
    """Return white space as wide as a character: Thai vowels above and below take none, a tab stays a tab."""
    if character == "\t":
        return character
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    return "  " if unicodedata.east_asian_width(character) in ("W", "F") else " "
