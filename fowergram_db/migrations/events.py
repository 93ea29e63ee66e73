"""Define the events that a run reports while it runs. Nothing here prints; the receiver decides what to show.

Named tuples, not dataclasses: a dozen dataclasses would add four milliseconds to every start.
"""

from collections.abc import Callable
from typing import NamedTuple

from fowergram_db.database.sessions import ServerSession
from fowergram_db.migrations.plan import Step


class Connected(NamedTuple):
    """The server answers; ``version`` is the version that it reports, "18.4"."""

    version: str


class DatabaseCreated(NamedTuple):
    """The database was missing, and was created."""

    name: str


class LockAwaited(NamedTuple):
    """Another migrator is running: its sessions, () if the server does not show them."""

    holders: tuple[ServerSession, ...]


class StepStarted(NamedTuple):
    """A step begins; ``number`` of ``total``, from 1."""

    step: Step
    number: int
    total: int


class StepResult(NamedTuple):
    """A step that is committed, and how long its script took, in ms."""

    step: Step
    duration_ms: float


class StatementReached(NamedTuple):
    """Statement ``number`` of ``total``, from 1, of a step's script is running; or a later one, if not ``is_exact``.

    If a script is sent whole, the server holds back results until there are 8 kB of them.
    """

    step: Step
    number: int
    total: int
    is_exact: bool = True


class Blocker(NamedTuple):
    """A session that holds a lock that a migration waits for; ``age_s`` is its transaction's age in seconds.

    A field that the server does not show to this role is None. A ``pid`` of 0 is a prepared transaction.
    """

    pid: int
    user: str | None
    application: str | None
    state: str | None
    age_s: float | None
    query: str | None

    def __str__(self) -> str:
        """Name the session for a person.

        >>> str(Blocker(7, "app", "psql", "idle in transaction", 35.2, "LOCK TABLE users"))
        'pid 7 (app, psql, idle in transaction, for 35 s): LOCK TABLE users'
        >>> str(Blocker(0, None, None, None, None, None))
        'a prepared transaction'
        """
        if self.pid == 0:
            return "a prepared transaction"
        age = None if self.age_s is None else f"for {self.age_s:.0f} s"
        facts = ", ".join(fact for fact in (self.user, self.application, self.state, age) if fact)
        return f"pid {self.pid}" + (f" ({facts})" if facts else "") + (f": {self.query}" if self.query else "")


class Blocked(NamedTuple):
    """A statement waits for locks that other sessions hold."""

    step: Step
    blockers: tuple[Blocker, ...]


class Progressed(NamedTuple):
    """The progress of a long statement: ``done`` of ``total`` in ``unit``; ``total`` is 0 if it is unknown.

    ``rows`` are those of a COPY, whose unit is bytes.
    """

    step: Step
    phase: str
    done: int
    total: int
    unit: str
    rows: int = 0


class Retried(NamedTuple):
    """A step was rolled back so that other sessions need not wait, and begins again after ``delay_s`` seconds.

    ``attempt`` of ``attempts`` has failed, from 1; ``blockers`` are those that were found last.
    """

    step: Step
    reason: str
    attempt: int
    attempts: int
    delay_s: float
    blockers: tuple[Blocker, ...]


class Resumed(NamedTuple):
    """A no-transaction migration resumes at statement ``number`` of ``total``, from 1."""

    step: Step
    number: int
    total: int


class IndexDropped(NamedTuple):
    """An invalid index, left by an attempt that failed, was dropped before the statement runs again."""

    step: Step
    name: str


class DetachmentFinished(NamedTuple):
    """An attempt that was stopped has left a partition half detached; the rest of the detachment begins."""

    step: Step
    partition: str


class PartitionsMaintained(NamedTuple):
    """After the migrations, partitions were created or dropped: the name of each, and what was done."""

    changes: tuple[tuple[str, str], ...]


class TemplateAwaited(NamedTuple):
    """Another process builds the template; ``holders`` are the sessions of its lock."""

    name: str
    holders: tuple[ServerSession, ...]


class TemplateBuilt(NamedTuple):
    """A template for test databases was missing, and was built."""

    name: str


class DatabasePruned(NamedTuple):
    """A managed database that is no longer needed was dropped; ``use`` says why it is not needed."""

    name: str
    use: str


class StatementLeftOut(NamedTuple):
    """A statement of a step is about the whole server, and does not run while a database is built next to others."""

    step: Step
    line: int
    label: str
    reason: str

    def __str__(self) -> str:
        """Return a sentence for a person."""
        where = f"{self.step.source}:{self.line}"
        return f"{where}: {self.label} is skipped in the database that is built here: {self.reason}"


class RoleCreated(NamedTuple):
    """A script has created a role that did not exist, for a database that is built next to others."""

    name: str
    step: Step

    def __str__(self) -> str:
        """Return a sentence for a person."""
        return f'Created role "{self.name}" from {self.step.filename}, because it did not exist.'


class SettingLeftOut(NamedTuple):
    """A setting that a role has stored with a database is not stored with the one in its place."""

    role: str
    name: str

    def __str__(self) -> str:
        """Return a sentence for a person."""
        return (
            f'The setting {self.name} of role "{self.role}" in this database was not kept: only that role, or one that '
            "may alter it, can store it."
        )


class BuildDiscarded(NamedTuple):
    """A database that was being built was given up: its steps do not count."""


class Notice(NamedTuple):
    """A message of the server that is no result, RAISE NOTICE included."""

    severity: str
    message: str


Event = (
    Connected
    | DatabaseCreated
    | LockAwaited
    | StepStarted
    | StepResult
    | StatementReached
    | Blocked
    | Progressed
    | Retried
    | Resumed
    | IndexDropped
    | DetachmentFinished
    | PartitionsMaintained
    | TemplateAwaited
    | TemplateBuilt
    | DatabasePruned
    | StatementLeftOut
    | RoleCreated
    | SettingLeftOut
    | BuildDiscarded
    | Notice
)
OnEvent = Callable[[Event], None]
