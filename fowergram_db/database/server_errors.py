"""Turn what the server says of a failed statement into errors that say what to do, with passwords masked."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from fowergram_db.database.situations import Situation
from fowergram_db.errors import DatabaseError, LockTimeout, ServerReport

LOCK_NOT_AVAILABLE = "55P03"


@contextmanager
def translate_errors(doing: str, situation: Situation = Situation.OTHER) -> Iterator[None]:
    """Turn a psycopg error of the tool's own statements into ours; ``doing`` completes "cannot …".

    The hint is that of the ``situation``, see ``hints``.
    """
    try:
        yield
    except psycopg.Error as error:
        report = report_of(error.diag)
        hint = statement_hint(error, situation)
        kind = LockTimeout if report.sqlstate == LOCK_NOT_AVAILABLE else DatabaseError
        error.args = (without_secrets(str(error)),)  # a traceback shows the cause as well
        raise kind(f"cannot {doing}: {message_of(error)}", hint=hint, server=report) from error


def message_of(error: psycopg.Error) -> str:
    """Return what went wrong in the server's words, else in the first line of psycopg's, passwords masked."""
    first_line = str(error).strip().partition("\n")[0]
    return without_secrets(error.diag.message_primary or first_line or "the connection was lost")


def statement_hint(error: psycopg.Error, situation: Situation) -> str:
    """Return what to do about a failed statement; "" if nothing is known."""
    from fowergram_db.database.hints import hint_for  # most runs have no error

    return hint_for(error, situation)


def report_of(diagnostic: psycopg.errors.Diagnostic) -> ServerReport:
    """Copy what the server said in addition to its message, passwords masked."""
    fields = (diagnostic.sqlstate, diagnostic.message_detail, diagnostic.message_hint, diagnostic.context)
    return ServerReport(*(without_secrets(value or "") for value in fields))


def without_secrets(message: str) -> str:
    """Return a message with passwords masked."""
    from fowergram_db.redaction.messages import mask_message  # it compiles many patterns, and most runs have no error

    return mask_message(message)
