"""The use case that makes a database anew."""

from collections.abc import Sequence
from contextlib import suppress

from fowergram_db.database.lifecycle import Sessions, replace_database
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseMissing, FowergramError
from fowergram_db.migrations.engine.execute import Extent
from fowergram_db.migrations.engine.worker import Limits, Worker
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History, create_history, read_history, require_own
from fowergram_db.migrations.run import Goal, prepare, take
from fowergram_db.migrations.session import open_session
from fowergram_db.migrations.standing import Standing


def reset(target: Target, files: Sequence[MigrationFile], sessions: Sessions, on_event: OnEvent) -> Standing:
    """Put a fresh database, migrated and empty of data, in the place of the target's.

    The old one stays untouched until the new one is complete. Whether it may be done at all is for the
    caller to have asked.
    """
    steps = prepare(files, History(), Goal())
    with suppress(DatabaseMissing), open_session(target, on_event) as connection:
        require_own(read_history(connection))

    def build(fresh: Target) -> None:
        with open_session(fresh, on_event) as connection:
            create_history(connection)
            take(Worker(connection, Limits(), on_event), steps, Extent.EACH)

    try:
        replace_database(target, build, sessions)
    except FowergramError as error:
        error.add_note(f'Database "{target.dbname}" is as it was.')
        raise
    return Standing(tuple(file.version for file in files), ())
