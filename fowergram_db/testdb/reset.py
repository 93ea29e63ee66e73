"""The use case that resets a database, in the fastest way that is exact."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from fowergram_db.database.citus import (
    INTERNAL_SESSIONS,
    read_citus,
    require_coordinator,
    require_no_distributed_tables,
)
from fowergram_db.database.connection import (
    Connection,
    connect_safely,
    server_version,
)
from fowergram_db.database.connection_values import require_creatable
from fowergram_db.database.disposal import drop_quietly, require_unmarked
from fowergram_db.database.lifecycle import change_owner, create_like
from fowergram_db.database.maintenance import MAINTENANCE_DATABASE
from fowergram_db.database.managed_databases import Purpose
from fowergram_db.database.protection import (
    facts_of_session,
    is_disposable,
    require_no_production,
    require_resettable,
)
from fowergram_db.database.replacement import (
    describe_after_failure,
    replace_database,
    require_droppable,
    require_unused,
)
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import may_have_citus
from fowergram_db.database.sessions import Sessions, end_sessions
from fowergram_db.database.state import DatabaseFacts, default_facts
from fowergram_db.database.target import Target
from fowergram_db.errors import (
    DatabaseError,
    DatabaseMissing,
    FowergramError,
    HistoryInconsistent,
    NoMaintenanceDatabase,
    Refused,
    UntrustedHistory,
)
from fowergram_db.migrations.alignment import align
from fowergram_db.migrations.events import BuildDiscarded, Connected, OnEvent, SettingLeftOut
from fowergram_db.migrations.history import require_own
from fowergram_db.migrations.history_table import read_history, require_no_other_tool
from fowergram_db.migrations.packaged import require_no_tables
from fowergram_db.migrations.same_directory import difference, is_other_directory, wrong_directory
from fowergram_db.testdb.administration import administer
from fowergram_db.testdb.emptying import Emptied, NotExact, empty
from fowergram_db.testdb.template import Template, TemplateSpec, find_template

if TYPE_CHECKING:
    from fowergram_db.migrations.files.directory import MigrationFile

_NOT_PERMITTED = "42501"


class Method(StrEnum):
    """How a database was reset.

    Rows deleted, if the schema was still the template's; replaced by a clone; replaced by one built next to it;
    everything in it dropped and built again.
    """

    EMPTIED = auto()
    CLONED = auto()
    BUILT = auto()
    DROPPED = auto()


@dataclass(frozen=True, slots=True)
class ResetOptions:
    """What to ask before any data is lost: the environment, a person, the other clients.

    ``confirm_directory`` is called with the reason if the database was migrated from another directory. ``warm`` is the
    number of clones to prepare for the next time. ``only_own``: nothing names the migrations, so that they are not for
    a database with tables of others.
    """

    environ: Mapping[str, str]
    confirm: Callable[[], bool]
    sessions: Sessions
    warm: int = 1
    confirm_directory: Callable[[str], bool] = lambda _: False
    only_own: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """What was done. ``template`` is "" if none was used; ``fallback_reason`` says why no faster way was possible.

    ``template_was_missing``: that reason is that there was no template yet, and ``template`` was built meanwhile.
    """

    method: Method
    template: str = ""
    emptied: Emptied | None = None
    fallback_reason: str = ""
    template_was_missing: bool = False


def reset(target: Target, files: "Sequence[MigrationFile]", options: ResetOptions, on_event: OnEvent) -> Reset:
    """Make the target's database what a fresh ``migrate`` would make, without its data.

    A test database (its name says so) is emptied of what was written since it was cloned, if its schema is still that
    of its template; else it is replaced by a clone. Any other is replaced by one that is built next to it. If the role
    may not create databases, all it owns in this one is dropped, and built again. Except in that last way, the old
    contents stay until the new database is complete. Raises Refused if the reset is not allowed at all.
    """
    job, found = _ResetJob(target, files, options, on_event), _StateBefore()
    try:
        with connect_safely(target) as connection:
            on_event(Connected(server_version(connection)))
            if done := _begin(connection, job, found):
                return done
    except DatabaseMissing:
        require_creatable(target.dbname, target.port)
        require_resettable(target.dbname, None, options.environ, options.confirm)
    if found.facts and not found.may_create:
        return _in_place(job, found.facts.oid)
    with _reporting_state(target, found.facts, on_event), administer(target, found.facts) as admin:
        if found.facts and found.template is None:
            # Before anything is built: a template may take long. What replaces the database always checks again.
            require_droppable(admin, found.facts)
        return (_cloned if is_disposable(target.dbname) else _built)(admin, job, found)


@dataclass(frozen=True, slots=True)
class _ResetJob:
    """What to reset, from which files, with which options, and who receives the events."""

    target: Target
    files: "Sequence[MigrationFile]"
    options: ResetOptions
    on_event: OnEvent

    def spec(self, like: DatabaseFacts) -> TemplateSpec:
        """Return what a template for it has to be."""
        return TemplateSpec(self.target, self.files, like)


@dataclass(slots=True)
class _StateBefore:
    """What was read from the database: how it was made, what its role may do, a template, why that was not used."""

    facts: DatabaseFacts | None = None
    may_create: bool = True
    template: Template | None = None
    fallback_reason: str = ""


def _begin(connection: Connection, job: _ResetJob, found: _StateBefore) -> Reset | None:
    """Return what was done if the database could be emptied; else None, after checking that it may be replaced."""
    facts, found.may_create = facts_of_session(connection)
    may_empty = found.may_create and is_disposable(facts.name)
    # What can be emptied was cloned from a template of these very files: looking for that comes first, and is quicker.
    looks_first = not may_empty or job.options.sessions is Sessions.END
    if looks_first:
        _require_directory(connection, job, facts)
    try:
        found.facts = _allowed(connection, job, facts, is_replaced=found.may_create and not may_empty)
        if may_empty:
            return _emptied(connection, job, found)
    except (NotExact, Refused) as reason:
        if not looks_first:
            _require_directory(connection, job, facts)
        if isinstance(reason, Refused):
            raise
        found.fallback_reason = str(reason)
    return None


def _allowed(connection: Connection, job: _ResetJob, facts: DatabaseFacts, *, is_replaced: bool) -> DatabaseFacts:
    """Return how the database was made, after checking that it may be emptied; end the sessions of others.

    ``is_replaced``: another one is to take its place for sure, so that it has to be dropped.
    """
    options = job.options
    require_resettable(facts.name, facts, options.environ, options.confirm)
    require_no_other_tool(connection)
    require_coordinator(connection)
    if may_have_citus(connection) and (citus := read_citus(connection)):
        require_no_distributed_tables(citus)
        facts = replace(facts, spared=INTERNAL_SESSIONS)
    require_unused(connection, facts, options.sessions)
    if is_replaced:
        # Before any session is ended for nothing.
        with _reporting_state(job.target, facts, job.on_event):
            require_droppable(connection, facts, elsewhere=facts.name == MAINTENANCE_DATABASE)
    if options.sessions is Sessions.END:
        with translate_errors("end the sessions of other clients"):
            end_sessions(connection, facts.name, facts.spared)
    return facts


def _require_directory(connection: Connection, job: _ResetJob, facts: DatabaseFacts) -> None:
    """Raise if the migrations are not this database's, and no user confirms that they are to replace those."""
    # No user is asked about what is never reset.
    require_no_production(job.options.environ, "nothing is reset here")
    require_unmarked(facts.name, facts)
    try:
        history = read_history(connection)
    except UntrustedHistory:
        raise
    except HistoryInconsistent:
        return  # a reset is the way out of a history that makes no sense
    except DatabaseError as error:
        if error.server and error.server.sqlstate == _NOT_PERMITTED:
            # Who may not read the history is mostly not the owner, and may not replace the database either.
            require_droppable(connection, facts, elsewhere=facts.name == MAINTENANCE_DATABASE)
        raise
    require_own(history)
    files, history = align(job.files, history)
    if is_other_directory(files, history):
        if not job.options.confirm_directory(difference(files, history)):
            raise wrong_directory(files, history)
    elif job.options.only_own:
        require_no_tables(connection, history)


@contextmanager
def _reporting_state(target: Target, facts: DatabaseFacts | None, on_event: OnEvent) -> Iterator[None]:
    """Add to an error where the database is afterwards; read from the server whether it is as it was."""
    try:
        yield
    except NoMaintenanceDatabase:
        raise  # before anything is done
    except FowergramError as error:
        said, is_unchanged = describe_after_failure(target, target.dbname, facts)
        if is_unchanged:
            on_event(BuildDiscarded())
        error.add_note(said)
        raise


def _emptied(connection: Connection, job: _ResetJob, found: _StateBefore) -> Reset:
    """Delete what was written since the database was cloned. Raises NotExact if that would not be exact."""
    assert found.facts is not None  # noqa: S101 - this session is in the database
    found.template = find_template(connection, job.spec(found.facts))
    if found.template is None:
        raise NotExact("there was no template of these migrations yet")
    if found.template.contents is None:
        raise NotExact("clones of its template cannot be emptied")
    emptied = empty(connection, found.template.contents, found.template.seal)
    return Reset(Method.EMPTIED, found.template.name, emptied)


def _cloned(admin: Connection, job: _ResetJob, found: _StateBefore) -> Reset:
    """Replace the target's database by a clone, and prepare the next one."""
    from fowergram_db.testdb.databases import pool

    old = found.facts
    with pool(admin, job.spec(old or default_facts(admin)), job.on_event, found.template) as source:
        make = lambda: source.obtain(Purpose.RESET, old).name  # noqa: E731
        left_out = replace_database(admin, job.target.dbname, old, source.owner, make, job.options.sessions)
        _report(left_out, job)
        # The database is in its place: what is made for the next time is not worth an error.
        with suppress(FowergramError):
            source.keep_ready(job.options.warm)
    return Reset(
        Method.CLONED,
        source.template.name,
        fallback_reason=found.fallback_reason,
        template_was_missing=found.template is None,
    )


def _built(admin: Connection, job: _ResetJob, found: _StateBefore) -> Reset:
    """Build a database next to the target's, and replace the target's by it."""
    from fowergram_db.migrations.build import build, steps_of
    from fowergram_db.testdb.owner import active_owner

    steps, old = steps_of(job.files), found.facts

    def make() -> str:
        name = owner.fresh_name(Purpose.RESET)
        oid = create_like(admin, name, old or default_facts(admin))
        try:
            build(replace(job.target, dbname=name), steps, job.on_event, job.target.dbname)
            if old:
                with translate_errors("change the owner of the new database"):
                    change_owner(admin, name, old.owner)
        except BaseException:
            drop_quietly(admin, name, oid)
            raise
        return name

    with active_owner(job.target, admin) as owner:
        _report(replace_database(admin, job.target.dbname, old, owner, make, job.options.sessions), job)
    return Reset(Method.BUILT)


def _report(left_out: tuple[tuple[str, str], ...], job: _ResetJob) -> None:
    for role, name in left_out:
        job.on_event(SettingLeftOut(role, name))


def _in_place(job: _ResetJob, oid: int) -> Reset:
    from fowergram_db.testdb.in_place import rebuild_in_place

    rebuild_in_place(job.target, oid, job.files, job.on_event)
    return Reset(Method.DROPPED, fallback_reason=f"{job.target.user} may not create databases")
