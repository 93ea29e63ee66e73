"""Every error a user can meet: what happened, what to do next, and the exit code that says so.

Other packages' exceptions (psycopg, the operating system's) are turned into these once, where they
occur. Only the command line renders them and exits.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "ConfigurationError",
    "ConnectionFailed",
    "DatabaseError",
    "DatabaseMissing",
    "EmbeddedFailed",
    "ExitCode",
    "FileFault",
    "FileFaults",
    "ForeignHistory",
    "FowergramError",
    "HistoryInconsistent",
    "Location",
    "LockLost",
    "LockTimeout",
    "MigrationFailed",
    "NoMaintenanceDatabase",
    "PoolTooSmall",
    "Refused",
    "ServerReport",
    "ServerTooOld",
    "UnknownVersion",
    "UntrustedHistory",
    "UntrustedOwner",
    "UsageError",
    "WrongDirectory",
]


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    FINDINGS = 3
    HISTORY = 4
    LOCKED = 5
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file: 1-based line and column (in characters), None if only the file is known."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Write the place as compilers do.

        >>> str(Location("004_x.sql", 7, 12)), str(Location("004_x.sql"))
        ('004_x.sql:7:12', '004_x.sql')
        """
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What PostgreSQL said of a failed statement, in addition to its message; empty strings if it said nothing."""

    sqlstate: str = ""
    detail: str = ""
    hint: str = ""
    context: str = ""


class FowergramError(Exception):
    """Something the user must know: a fact and a next step.

    ``code`` is a stable word for scripts; ``excerpt`` is the source line with a caret under the fault.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        location: Location | None = None,
        excerpt: str = "",
        server: ServerReport | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location
        self.excerpt = excerpt
        self.server = server


class UsageError(FowergramError):
    """The command was called in a way that has no meaning."""

    code = "usage"
    exit_code = ExitCode.USAGE


class ConfigurationError(FowergramError):
    """Where to connect, or where the files are, is not said or cannot be understood."""

    code = "configuration"
    exit_code = ExitCode.USAGE


class FileFault(FowergramError):
    """A migration file is wrong in a way that shows without running it.

    ``faults`` are those that it speaks of: itself, if it is not a FileFaults.
    """

    code = "file_fault"
    exit_code = ExitCode.USAGE

    @property
    def faults(self) -> "tuple[FileFault, ...]":
        """Return the faults, each with its own place and hint."""
        return (self,)


class FileFaults(FileFault):
    """Several things are wrong in the migration files; ``all`` are they. Place and hint are those of the first."""

    all: "tuple[FileFault, ...]" = ()

    @property
    def faults(self) -> "tuple[FileFault, ...]":
        """Return the faults, each with its own place and hint."""
        return self.all


def raise_faults(faults: "Iterable[FileFault]") -> None:
    """Raise what was found as one error; do nothing if nothing was."""
    if error := combined(faults):
        raise error


def combined(faults: "Iterable[FileFault]") -> FileFault | None:
    """Return one error for all faults, each once, those of a file together in the order of its lines; None if none."""
    faults = tuple(faults)
    if not faults:
        return None
    single = {(fault.location, fault.message): fault for each in faults for fault in each.faults}
    files = {place: number for number, place in reversed([*enumerate(_file_of(fault) for fault in single.values())])}
    found = sorted(single.values(), key=lambda fault: (files[_file_of(fault)], _place_of(fault)))
    if len(found) < 2:  # noqa: PLR2004 - one fault is an error of its own
        return next(iter(found), None)
    total = len(files.keys() - {""})
    where = f" in {total} files" if total > 1 else ""
    message = "\n".join((f"{len(found)} faults{where}; nothing was run", *_listed(found)))
    error = FileFaults(message, hint=found[0].hint, location=found[0].location)
    error.all = tuple(found)
    return error


def _file_of(fault: FileFault) -> str:
    return fault.location.file if fault.location else ""


def _place_of(fault: FileFault) -> tuple[int, int]:
    place = fault.location
    return (place.line or 0, place.column or 0) if place else (0, 0)


def _listed(faults: "Sequence[FileFault]") -> "Iterator[str]":
    """Yield each fault with its place, and what to do about it, once for those that follow one another."""
    for number, fault in enumerate(faults):
        yield f"{fault.location}: {fault.message}" if fault.location else fault.message
        if number + 1 == len(faults) or faults[number + 1].hint != fault.hint:
            yield f"  hint: {fault.hint}"


class UnknownVersion(FowergramError):
    """``--to`` names a version that neither the files nor the history know."""

    code = "unknown_version"
    exit_code = ExitCode.USAGE


class Refused(FowergramError):
    """The safety rules forbid it, or the user did not confirm it."""

    code = "refused"
    exit_code = ExitCode.USAGE


class ConnectionFailed(FowergramError):
    """No session with the server could be opened.

    ``may_pass``: another try may succeed, and is safe (a repeated wrong password may lock the account).
    ``is_of_database``: another database of the same server may be open to the same login.
    """

    code = "connection_failed"
    may_pass = False
    is_of_database = False


class DatabaseMissing(ConnectionFailed):
    """The server answers; the database is not there."""

    code = "database_missing"


class NoMaintenanceDatabase(ConnectionFailed):
    """No database of the server but the target can be connected to, and one is needed to create or drop databases."""

    code = "no_maintenance_database"


class ServerTooOld(ConnectionFailed):
    """The server is of a version that the tool does not support."""

    code = "server_too_old"


class PoolTooSmall(ConnectionFailed):
    """A pooler provides one connection at a time, and a migrator needs two; waiting would not help."""

    code = "pool_too_small"


class EmbeddedFailed(FowergramError):
    """The embedded PostgreSQL could not be set up or started."""

    code = "embedded_failed"


class DatabaseError(FowergramError):
    """The server refused a statement of the tool's own."""

    code = "database_error"


class MigrationFailed(FowergramError):
    """A statement of a migration failed; the migration was rolled back whole."""

    code = "migration_failed"


class LockTimeout(FowergramError):
    """A lock could not be acquired in the time allowed."""

    code = "lock_timeout"
    exit_code = ExitCode.LOCKED


class LockLost(FowergramError):
    """The session that held the migration lock is gone; nothing more was begun."""

    code = "lock_lost"


class UntrustedOwner(FowergramError):
    """Something that the tool would have to use belongs to a role that must not run code as the tool's user."""

    code = "untrusted_owner"


class HistoryInconsistent(FowergramError):
    """Files and history contradict each other; a person has to decide."""

    code = "history_inconsistent"
    exit_code = ExitCode.HISTORY


class WrongDirectory(HistoryInconsistent):
    """The recorded migrations are not those of the directory."""

    code = "wrong_directory"


class ForeignHistory(HistoryInconsistent):
    """The table of the history belongs to another tool."""

    code = "foreign_history"


class UntrustedHistory(UntrustedOwner, HistoryInconsistent):
    """The history, or something that a use of it would run, belongs to an untrusted role."""

    exit_code = ExitCode.HISTORY
