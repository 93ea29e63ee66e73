"""Show what the standard library's loggers say: of this tool's statements, and of psycopg."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fowergram_db.cli.json_document import target_data
from fowergram_db.cli.log import LogLevel, LogSettings, Verbosity
from fowergram_db.cli.render import Screen

if TYPE_CHECKING:
    import logging

_SQLSTATE = re.compile(r"[0-9A-Z]{5}")


@contextmanager
def logging_to(screen: Screen, settings: LogSettings) -> Iterator[None]:
    """Show what the standard library's loggers of this tool and of psycopg say within the block, as the settings want.

    Without options of the log nothing is set up, and nothing is paid.
    """
    if settings == LogSettings():
        yield
        return
    import logging

    class _Handler(logging.Handler):
        def emit(self, record: "logging.LogRecord") -> None:
            _show(screen, record)

    handler = _Handler()
    levels = {
        Verbosity.QUIET: (logging.CRITICAL, logging.ERROR),
        Verbosity.NORMAL: (logging.WARNING, logging.WARNING),
        Verbosity.STATEMENTS: (logging.INFO, logging.WARNING),
        Verbosity.SQL: (logging.DEBUG, logging.WARNING),
    }[settings.verbosity]
    loggers = [logging.getLogger(name) for name in ("fowergram_db", "psycopg")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.propagate = propagate
            logger.removeHandler(handler)


def _show(screen: Screen, record: "logging.LogRecord") -> None:
    from fowergram_db.redaction.messages import mask_message

    statement = getattr(record, "statement", None)
    if statement is None:  # psycopg's own
        level = LogLevel.ERROR if record.levelname in ("ERROR", "CRITICAL") else LogLevel.WARNING
        screen.note(mask_message(record.getMessage()), level=level, event="psycopg")
    elif not screen.log.is_json:
        screen.note(str(statement), "dim", event="statement")
    else:
        server = statement.server
        fields = {
            "statement": statement.command,
            "name": statement.name or None,
            "statements": statement.statements,
            "duration_ms": None if statement.duration_ms is None else round(statement.duration_ms, 3),
            "sqlstate": statement.failure if _SQLSTATE.fullmatch(statement.failure) else None,
            "failure": statement.failure or None,
        }
        target = target_data(server.host, server.port, server.database, server.user)
        screen.log_object(
            LogLevel.INFO, "statement", fields | ({"sql": statement.sql} if statement.sql else {}), target
        )
