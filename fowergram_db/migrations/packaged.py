"""Keep the migrations inside the package out of databases of other projects, if the user does not ask for them."""

from fowergram_db.database.connection import Connection
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.sql import load
from fowergram_db.errors import Refused
from fowergram_db.migrations.history import History

_MOST_LISTED = 3


def require_no_tables(connection: Connection, history: History) -> None:
    """Raise Refused if the database has tables in ``public``, but no history of the migrations that created them.

    Tables of extensions do not count. One round trip; none if there is a history.
    """
    if history.applied:
        return
    with translate_errors("look for tables in public"):
        rows = connection.execute(load("catalog/tables_in_public")).fetchall()
    if not rows:
        return
    names = [str(name) for (name,) in rows]
    listed = ", ".join(names[:_MOST_LISTED]) + (" and more" if names[_MOST_LISTED:] else "")
    raise Refused(
        f"the database has tables in the schema public ({listed}) and no history of migrations, and no migrations "
        "directory is named; nothing was run",
        hint="Name the migrations directory of this database with --migrations-dir or MIGRATIONS_DIR. The schema of "
        "Fowergram, inside the package, needs a database of its own; to create it here anyway: "
        "--migrations-dir packaged:",
    )
