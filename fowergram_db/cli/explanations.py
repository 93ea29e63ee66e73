"""What an exception means to the user: errors that belong to no single command, and unexpected ones."""

import re

from fowergram_db import __version__
from fowergram_db.errors import DatabaseError, ExitCode, FowergramError, UsageError

# How Python shows a byte that is not UTF-8.
_HALF = r"[\ud800-\udfff]"
_AFTER_INTERRUPT = "The open transaction was rolled back; `fowergram-db status` shows what is applied."


class Interrupted(FowergramError):
    """The user ended the run."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


class Terminated(FowergramError):
    """The system ended the run."""

    code = "terminated"
    exit_code = ExitCode.TERMINATED


class OutputLost(FowergramError):
    """The command did its work, but its output could not be written."""

    code = "output_lost"


class Unexpected(FowergramError):
    """A bug of the tool itself."""

    code = "internal"


def explain(error: BaseException) -> FowergramError:
    """Return what an exception means to the user."""
    from fowergram_db.cli.interrupts import TerminationSignal

    match error:
        case FowergramError():
            return error
        case TerminationSignal():
            meant: FowergramError = Terminated("terminated", hint=_AFTER_INTERRUPT)
        case KeyboardInterrupt():
            meant = Interrupted("interrupted", hint=_AFTER_INTERRUPT)
        case UnicodeEncodeError() if not error.object.isascii() and re.search(_HALF, error.object):
            meant = UsageError(
                "an argument, a variable or a name is not UTF-8",
                hint="Correct it; names of databases, tables and roles are text.",
            )
        case _ if _is_of_server(error):
            meant = DatabaseError(
                f"the server's answer cannot be understood: {type(error).__name__}: {error}",
                hint="Check what listens at that address: it must be PostgreSQL, or a pooler in front of it.",
            )
        case _:
            meant = unexpected(error)
    for note in getattr(error, "__notes__", ()):
        meant.add_note(note)
    return meant


def unexpected(error: BaseException) -> Unexpected:
    """Return the error to show for a bug of the tool itself. It says where to report the bug."""
    import platform

    return Unexpected(
        f"internal error: {type(error).__name__}: {error}",
        hint="This is a bug of fowergram-db: please report it on the Issues page of its repository, with the command "
        f"that you ran and its output with --debug (fowergram-db {__version__}, "
        f"Python {platform.python_version()}, {platform.system()}).",
    )


def output_lost(error: OSError) -> OutputLost:
    """Return the error to raise if stdout could not be written."""
    return OutputLost(f"the output could not be written: {error.strerror}", hint="The command itself has finished.")


def _is_of_server(error: BaseException) -> bool:
    """Return whether psycopg raised an error, because it could not understand what a server sent."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return any(kind.__module__.partition(".")[0] == "psycopg" for kind in type(error).__mro__)
