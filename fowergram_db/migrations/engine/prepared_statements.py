"""Queries that are sent again and again, prepared once: the server need not plan them for every step."""

import secrets

from fowergram_db.database.settings_sql import own_settings
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.transaction_preamble import compose
from fowergram_db.migrations.history_sql import load_with_version
from fowergram_db.migrations.history_table import TableLock, guard, guarded
from fowergram_db.migrations.version import VersionType

_RECORD = "bookkeeping/insert_batch"
# How the types of what is recorded are written, by column.
_TYPES = {
    "filename": "text",
    "checksum": "text",
    "name": "text",
    "tool_version": "text",
    "down_sql": "text",
    "statements_done": "integer",
}
_VERSION_TYPES = {
    VersionType.NUMBER: {"version": "bigint"},
    VersionType.TEXT: {"version": "text", "position": "text"},
}


class PreparedStatements:
    """The prepared statements of one session; through a pooler, whose sessions any client may get, there are none.

    ``take_definitions`` returns what is to be sent before the first use. Where that query fails, they may or may not be
    there: then begin with another object, which has names of its own.
    """

    def __init__(self, context: RunContext) -> None:
        self._connection = context.connection
        self._trusted = context.trusted
        self._is_own_session = not context.is_pooled
        self._series = secrets.token_hex(4)
        self._names: dict[str, str] = {}
        self._definitions: list[str] = []

    def settings(self, query: str) -> str:
        """Return what does the same as a query without values."""
        return f"EXECUTE {self._name(query, '')};" if self._is_own_session else query

    def record(self, row: dict[str, object]) -> str:
        """Return what writes a row into the history."""
        version_type = VersionType.TEXT if "position" in row else VersionType.NUMBER
        query = load_with_version(_RECORD, version_type)
        if not self._is_own_session:
            return compose(self._connection, guarded(query, TableLock.WRITE, self._trusted), row)
        types = _TYPES | _VERSION_TYPES[version_type]
        numbered = {name: f"${number}" for number, name in enumerate(types, start=1)}
        name = self._name(query % numbered, f" ({', '.join(types.values())})")
        values = ", ".join(f"%({column})s" for column in types)
        recorded = f"EXECUTE {name} ({compose(self._connection, values, row)});"
        return guarded(recorded, TableLock.WRITE, check=self.settings(guard(self._trusted)))

    def take_definitions(self) -> str:
        """Return the definitions that were not taken yet."""
        taken, self._definitions = "".join(self._definitions), []
        # What is prepared outlives the transaction; its names are read as the tool reads them.
        return f"BEGIN; {own_settings(self._connection)} {taken} ROLLBACK;" if taken else ""

    def _name(self, query: str, types: str) -> str:
        if query not in self._names:
            self._names[query] = f"fowergram_{self._series}_{len(self._names)}"
            self._definitions.append(f"PREPARE {self._names[query]}{types} AS {query}\n")
        return self._names[query]
