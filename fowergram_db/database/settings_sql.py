"""The settings of the tool's own queries, and the SQL that makes them and takes them away."""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

# For scripts too: how transactions begin, what ends a session or a transaction, and how the checks read strings.
KEPT = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "exit_on_error": "off",
    "idle_in_transaction_session_timeout": "90s",
    "idle_session_timeout": "0",
    "standard_conforming_strings": "on",
    "transaction_timeout": "0",
}
# For the tool's own queries. If pg_temp is not in the path, types and tables are looked for there first, and a
# script may have left some that are named like PostgreSQL's own. Without row_security a query fails that a policy would
# hide rows from: half a history must not look like a whole one.
_OWN = {
    "search_path": "pg_catalog, pg_temp",
    "statement_timeout": "0",
    "lock_timeout": "1min",
    "row_security": "off",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "client_min_messages": "notice",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    "jit": "off",
}
# What else decides how a definition is read: behind a pooler, another client may have left any of it.
_OF_DEFINITIONS = ("backslash_quote", "check_function_bodies", "default_text_search_config", "xmloption")
_OF_ROW = ("search_path", "statement_timeout", "row_security")
# The oldest server that knows the setting; all servers know those that are not listed.
_SINCE = {"idle_session_timeout": 140000, "transaction_timeout": 170000}
_FILE_PATH = "fowergram.search_path"

_HAS_CITUS = (
    "EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname OPERATOR(pg_catalog.=) 'citus'::pg_catalog.name)"
)
_HAS_EVENT_TRIGGERS = "EXISTS (SELECT FROM pg_catalog.pg_event_trigger)"

UNLIMITED = "SET LOCAL statement_timeout = 0;"
"""What goes before settings after a script: it takes no time, and they may take a millisecond."""
RESETS = f"RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; {UNLIMITED}"
"""What gives a session what its role and database say, whatever a script has set."""


def first_query(pid: str, calls: str) -> str:
    """Return the query that asks what a session is, and makes the settings (``calls``) if it is not a pooler's."""
    own = f"pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {pid}"
    found = f"pg_catalog.pg_is_in_recovery(), {_HAS_CITUS}, {_HAS_EVENT_TRIGGERS}"
    return f"SELECT {own}, {found}, CASE WHEN {own} THEN ARRAY[{calls}] END"


def own_settings(connection: psycopg.Connection[Any], *, local: bool = True, but: Sequence[str] = ()) -> str:
    """Return the statement that makes the tool's settings, for the transaction or for the session."""
    settings = all_settings(connection.info.server_version)
    return f"SELECT {', '.join(setting_call(*each, local=local) for each in settings.items() if each[0] not in but)};"


def own_settings_again(connection: psycopg.Connection[Any]) -> str:
    """Return the statement that makes the tool's settings after a script, in its transaction; limits stay."""
    return own_settings(connection, but=(*KEPT, "lock_timeout"))


def own_for_row(connection: psycopg.Connection[Any]) -> str:
    """Return the statement that makes what a row of the history depends on, after a script that sets nothing."""
    return own_settings(connection, but=[name for name in (*KEPT, *_OWN) if name not in _OF_ROW])


def own_call(connection: psycopg.Connection[Any]) -> str:
    """Return the query that goes before one of the tool's own; it keeps where a script looks for names."""
    kept = f"pg_catalog.set_config('{_FILE_PATH}', pg_catalog.current_setting('search_path'), true)"
    reset = (setting_call("session_authorization", None, local=True), setting_call("role", None, local=True))
    own = (setting_call(*setting, local=True) for setting in all_settings(connection.info.server_version).items())
    return f"SELECT {', '.join((kept, *reset, *own))}"


def own_statements(connection: psycopg.Connection[Any]) -> str:
    """Return the same as ``own_call``, as statements that take no snapshot, so that SET TRANSACTION may follow."""
    reset = ("SET LOCAL SESSION AUTHORIZATION DEFAULT", "SET LOCAL role TO DEFAULT")
    own = (
        f"SET LOCAL {name} TO {_listed(value)}" for name, value in all_settings(connection.info.server_version).items()
    )
    return "; ".join((*reset, *own))


def _listed(value: str) -> str:
    """Write a value, or the names of a list, as SET takes them.

    >>> _listed("pg_catalog, pg_temp")
    "'pg_catalog', 'pg_temp'"
    """
    return ", ".join(f"'{part}'" for part in value.split(", "))


def role_calls(connection: psycopg.Connection[Any], *, is_pooled: bool, local: bool = True) -> str:
    """Return the calls that give a script what role and database say, after a SELECT; limits are apart.

    The values are those that the session began with, whatever it or another client of a pooler has set. They are
    short: a reader of pg_stat_activity is to find the script after them.
    """
    names = [name for name in _OWN if name != "lock_timeout" or not local]
    kept: list[str] = []
    if is_pooled:
        names += ["session_authorization", "role", *_OF_DEFINITIONS]
        kept = kept_calls(connection.info.server_version, local=local)
    each = f"pg_catalog.set_config(n, NULL, {'true' if local else 'false'})"
    listed = f"pg_catalog.unnest('{{{','.join(names)}}}'::pg_catalog.text[])"
    all_of_them = f"(SELECT pg_catalog.count({each}) FROM {listed} AS n)"  # noqa: S608 - names of ours
    return ", ".join((all_of_them, *kept))


def kept_statements() -> str:
    """Return the statements that set for a session what decides how a script is read and its transactions begin."""
    names = ("standard_conforming_strings", *(name for name in KEPT if name.startswith("default_transaction_")))
    return " ".join(f"SET {name} = '{KEPT[name]}';" for name in names)


def kept_calls(version: int, *, local: bool) -> list[str]:
    """Return the calls that make what scripts have too, on a server of this version."""
    return [setting_call(name, KEPT[name], local=local) for name in known_settings(KEPT, version)]


def setting_call(name: str, value: str | None, *, local: bool) -> str:
    """Return a call that makes a setting, whatever the search_path is; the value must need no quoting.

    ``local``: until the end of the transaction. None is the value that the session began with.
    """
    written = "NULL" if value is None else f"'{value}'"
    return f"pg_catalog.set_config('{name}', {written}, {'true' if local else 'false'})"


def all_settings(version: int) -> dict[str, str]:
    """Return the settings of the tool's own queries that a server of this version has."""
    settings = KEPT | _OWN
    return {name: settings[name] for name in known_settings(settings, version)}


def known_settings(names: Iterable[str], version: int) -> list[str]:
    """Return the settings that a server of this version has."""
    return [name for name in names if version >= _SINCE.get(name, 0)]


def discards(*, prepared: bool = True, locked: bool = True) -> str:
    """Return statements that clear what a script has left, as DISCARD ALL does, which cannot run in a transaction.

    Prepared statements and session locks stay if others may have some in the session.
    """
    deallocate = " DEALLOCATE ALL;" if prepared else ""
    unlock = " SELECT pg_catalog.pg_advisory_unlock_all();" if locked else ""
    return f"CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES;{deallocate}{unlock}"
