"""Find the histories of other migration tools in a database, and whether they stop the commands that write.

See decision 25. The comment on our own table records what was known of them when the database was adopted. Only the
table's owner can write that comment, and it is read together with the table's shape.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum, auto
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.abc import AdaptContext

from fowergram_db.database.connection import Connection
from fowergram_db.database.ownership import CatalogRelation, query_relations
from fowergram_db.database.sql import load
from fowergram_db.migrations.history_row import LenientText
from fowergram_db.migrations.other_tools.shapes import UNKNOWN, Tool
from fowergram_db.migrations.other_tools.tables import OWN_PLACE, FoundTable, recognised, search_parameters

_COMMENT = "The migrations applied to this database; kept by fowergram-db"
_KNOWN = " beside: "
_MOST_ENTRIES = 100_000
_SHOWN_AS = {"dbmate": "dbmate or Rails"}


class OtherState(StrEnum):
    """What another tool's history means for the commands that write.

    COUNTS: it stops them. GROWN: it has grown since the database was adopted, and stops them. KNOWN: it is known and
    does not count any more. NOT_READ: it cannot be read, and our table has rows. IN_OUR_PLACE: its table has the name
    of ours, which stops them.
    """

    COUNTS = auto()
    GROWN = auto()
    KNOWN = auto()
    NOT_READ = auto()
    IN_OUR_PLACE = auto()


class KnownHistory(NamedTuple):
    """What another tool's history held when ours began to count. ``entries`` is None if it was not read."""

    table: str
    entries: int | None
    newest: str
    last: str


@dataclass(frozen=True, slots=True)
class OtherHistory:
    """A history of another tool. ``entries`` is None if it cannot be read; ``owner`` is then an untrusted owner, or "".

    ``since`` and ``last`` are the times of its oldest and newest entry, None if the tool keeps none. ``is_marked``:
    the comment on our table says that it does not count.
    """

    tool: str
    table: str
    entries: int | None = None
    newest: str = ""
    since: datetime | None = None
    last: datetime | None = None
    state: OtherState = OtherState.COUNTS
    owner: str = ""
    is_marked: bool = False

    @property
    def stops(self) -> bool:
        """Return whether it forbids all writes."""
        return self.state not in {OtherState.KNOWN, OtherState.NOT_READ}

    @property
    def holds(self) -> str:
        """Describe what is in it.

        >>> OtherHistory("goose", "public.goose_db_version", 3, "3", last=datetime(2024, 5, 1, tzinfo=UTC)).holds
        'public.goose_db_version has 3 entries, the newest 3 of 2024-05-01 00:00 UTC'
        """
        if self.entries is None:
            whose = f', belongs to "{self.owner}" and' if self.owner else ""
            return f"{self.table}{whose} cannot be read by this role"
        newest = f", the newest {self.newest}" if self.newest else ""
        of = f" of {self.last:%Y-%m-%d %H:%M} UTC" if self.last else ""
        return f"{self.table} has {self.entries} entr{'y' if self.entries == 1 else 'ies'}{newest}{of}"

    @property
    def meaning(self) -> str:
        """Say whose history is there, and whether it counts."""
        match self.state:
            case OtherState.COUNTS:
                return f"{self.shown_tool} has migrated this database: {self.holds}"
            case OtherState.GROWN:
                return f"{self.shown_tool} has migrated this database since it was adopted: {self.holds}"
            case OtherState.KNOWN:
                return f"{self.shown_tool} does not count any more in this database: {self.holds}"
            case OtherState.IN_OUR_PLACE:
                return f"{self.table} belongs to {self.shown_tool}" + (f": {self.holds}" if self.entries else "")
            case OtherState.NOT_READ:
                return (
                    f"{self.holds}: it looks like a history of {self.shown_tool}, and does not count in this database"
                )

    @property
    def shown_tool(self) -> str:
        """Name the tool, or the tools of which it may be one."""
        return _SHOWN_AS.get(self.tool, self.tool)

    @property
    def next_step(self) -> str:
        """Say what to do about it."""
        if self.owner:
            return (
                f"Connect as that role (--user {self.owner}), or as a member of it, and adopt the database with "
                f"`fowergram-db adopt --from {self.tool}`. If the table is no history, drop or rename it."
            )
        if self.tool == UNKNOWN and self.state is OtherState.IN_OUR_PLACE:
            return (
                "If the table is not needed any more, rename it, and record what is applied with `fowergram-db adopt "
                "--to VERSION`. Or use another database (--dbname)."
            )
        if self.entries is None and self.state is not OtherState.IN_OUR_PLACE:
            return f"GRANT SELECT ON {self.table} to this role, and USAGE on its schema, or connect as its owner."
        if self.tool in tuple(Tool):
            return f"Adopt this database with `fowergram-db adopt --from {self.tool}`, or use another one (--dbname)."
        return (
            "Its entries cannot be matched with SQL files. `fowergram-db adopt --to VERSION` compares the schema with "
            "what your files build up to that version, and adopts the database. Or use another one (--dbname)."
        )


def find_candidates(connection: Connection) -> tuple[CatalogRelation | None, tuple[FoundTable, ...]]:
    """Return the relation that has the name of our table, and all tables that have the shape of another tool's.

    One round trip, which reads only the catalog. psycopg's errors pass through.
    """
    relations = query_relations(connection, "other_tools/candidates", search_parameters())
    own = next((relation for relation in relations if (relation.schema, relation.name) == OWN_PLACE), None)
    return own, tuple(recognised(relations))


def read_other_histories(
    connection: Connection,
    found: Iterable[FoundTable],
    comment: str,
    *,
    has_rows: bool = False,
    was_adopted: bool = False,
) -> tuple[OtherHistory, ...]:
    """Read what these tables hold, and set their state; empty ones are left out. One round trip for each.

    ``comment`` is that on our table. ``has_rows``: our table has rows; ``was_adopted``: an adoption recorded one of
    them. The table that has our name is left out, too. Writes nothing.
    """
    known = _known(comment)
    read = (_read(connection, table) for table in found if not table.is_in_our_place)
    return tuple(
        replace(
            history,
            state=_state(history, known, has_rows=has_rows, was_adopted=was_adopted),
            is_marked=history.table in (known or {}),
        )
        for history in read
        if history
    )


def read_in_our_place(connection: Connection, relation: CatalogRelation, found: Iterable[FoundTable]) -> OtherHistory:
    """Return the history in a table that has the name of ours and another shape, with what it holds."""
    table = next((table for table in found if table.is_in_our_place), None)
    history = _read(connection, table) if table else None
    return replace(history, state=OtherState.IN_OUR_PLACE) if history else in_our_place(relation, found)


def in_our_place(relation: CatalogRelation, found: Iterable[FoundTable]) -> OtherHistory:
    """Return the history in a table that has the name of ours, without reading the table."""
    tool = next((table.tool for table in found if table.is_in_our_place), UNKNOWN)
    return OtherHistory(tool, str(relation), state=OtherState.IN_OUR_PLACE)


def mark_known(connection: Connection, mentioned_in: Sequence[str] | None = None) -> tuple[OtherHistory, ...]:
    """Write into the comment on our table that the histories that are here now do not count; return them.

    ``mentioned_in``: only histories whose tables these scripts name, because the scripts created them. Writes nothing
    if nothing is new. The server's errors pass through: only the table's owner may write the comment.
    """
    own, found = find_candidates(connection)
    others = [table for table in found if not table.is_in_our_place]
    if own is None or not others:
        return ()
    known = _known(own.comment) or {}
    new = [table for table in others if mentioned_in is None or _is_named(table, mentioned_in)]
    histories = [history for table in new if (history := _read(connection, table))]
    now = {str(table.relation): known[str(table.relation)] for table in others if str(table.relation) in known}
    now |= {history.table: _state_of(history) for history in histories}
    if now != known:
        text = _COMMENT + _KNOWN + json.dumps([state._asdict() for state in now.values()])
        connection.execute(sql.SQL("COMMENT ON TABLE public.schema_migrations IS {}").format(sql.Literal(text)))
    return tuple(histories)


def escaped(name: sql.Identifier, context: AdaptContext) -> sql.SQL:
    """Return a name for a query that has parameters: each % in it is doubled, so that it does not begin one."""
    return sql.SQL(name.as_string(context).replace("%", "%%"))


def _is_named(table: FoundTable, scripts: Sequence[str]) -> bool:
    return any(table.relation.name in script for script in scripts)


def _known(comment: str) -> dict[str, KnownHistory] | None:
    """Return what the comment on our table says, by table; None if it says nothing.

    >>> _known("kept by fowergram-db"), _known("kept by x beside: [")
    (None, None)
    """
    _, found, text = comment.partition(_KNOWN)
    try:
        return {state["table"]: KnownHistory(**state) for state in json.loads(text)} if found else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _state_of(history: OtherHistory) -> KnownHistory:
    return KnownHistory(
        history.table, history.entries, history.newest, history.last.isoformat() if history.last else ""
    )


def _state(
    history: OtherHistory, known: dict[str, KnownHistory] | None, *, has_rows: bool, was_adopted: bool
) -> OtherState:
    before = (known or {}).get(history.table)
    if before is not None:
        return OtherState.KNOWN if history.entries is None or _state_of(history) == before else OtherState.GROWN
    if known is None and was_adopted:
        # Earlier versions recorded an adoption, but not which other histories were there.
        return OtherState.KNOWN
    return OtherState.NOT_READ if history.entries is None and has_rows else OtherState.COUNTS


def _read(connection: Connection, table: FoundTable) -> OtherHistory | None:
    """Return what a table holds; None if it holds nothing."""
    relation = table.relation
    unread = OtherHistory(table.tool, str(relation), owner=relation.untrusted.owner if relation.untrusted else "")
    if relation.untrusted:
        return unread if table.is_unmistakable else None
    in_transaction = connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    try:
        with connection.transaction() if in_transaction else nullcontext():
            entries, newest, since, last = _summary(connection, table)
    except (psycopg.DataError, psycopg.ProgrammingError, psycopg.errors.LockNotAvailable):
        return unread if table.is_unmistakable else None
    if not 0 < int(entries or 0) <= _MOST_ENTRIES or not table.may_have(newest or ""):
        return None
    return OtherHistory(table.tool, str(relation), int(entries or 0), newest or "", _moment(since), _moment(last))


def _summary(connection: Connection, table: FoundTable) -> list[str | None]:
    shape, relation = table.shape, table.relation
    ignored, _, value = shape.ignored.partition("=")
    parameters = {
        "oid": relation.oid,
        "schema": relation.schema,
        "name": relation.name,
        "label": table.column(shape.label),
        "position": table.column(shape.position or shape.moment or shape.label),
        "moment": table.column(shape.moment),
        "ignored": table.column(ignored),
        "ignored_value": value or " ",
    }
    name = escaped(sql.Identifier(relation.schema, relation.name), connection)
    query = sql.SQL(load("other_tools/summary")).format(table=name).as_string(connection)
    text = psycopg.ClientCursor(connection).mogrify(query, parameters)
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("text", LenientText)
        cursor.execute(text.encode())
        while cursor.nextset():
            pass
        return [None if cell is None else str(cell) for cell in cursor.fetchone() or (None,) * 4]


def _moment(text: str | None) -> datetime | None:
    """Read a time from JSON; None if it is outside the calendar. A time without a zone is UTC.

    >>> _moment("2024-05-01T10:00:00+02:00"), _moment("infinity")
    (datetime.datetime(2024, 5, 1, 8, 0, tzinfo=datetime.timezone.utc), None)
    """
    try:
        found = datetime.fromisoformat(text or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
