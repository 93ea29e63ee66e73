"""Say what to do about an error of the server: by SQLSTATE, by what was being done, never by the words of a message.

If nothing is known, there is no hint.
"""

import psycopg
from psycopg.errors import Diagnostic

from fowergram_db.database.hint_rules import APPLIED_MEANWHILE, LOST, RULES, Rule
from fowergram_db.database.login import Cause
from fowergram_db.database.situations import Situation


def hint_for(error: psycopg.Error, situation: Situation) -> str:
    """Return what to do about a statement that failed; "" if nothing is known."""
    if isinstance(error, psycopg.OperationalError) and not error.diag.sqlstate:
        return LOST
    rule = rule_for(error.diag, situation)
    return rule.hint if rule else ""


def rule_for(diagnostic: Diagnostic, situation: Situation) -> Rule | None:
    """Return the first rule that is for an error."""
    code, routine = diagnostic.sqlstate or "", diagnostic.source_function or ""
    if _is_of_history(diagnostic):
        return APPLIED_MEANWHILE
    return next((rule for rule in RULES if rule.fits(situation, code, routine)), None)


def _is_of_history(diagnostic: Diagnostic) -> bool:
    return (diagnostic.schema_name, diagnostic.constraint_name) == ("public", "schema_migrations_version_key")


LOGIN = {
    Cause.UNRESOLVED: "Check the host name.",
    Cause.UNREACHABLE: "Start the server, or correct host and port (--host, --port, DB_HOST, DB_PORT).",
    Cause.SILENT: "The server did not answer in time: check host, port and firewall, or raise connect_timeout.",
    Cause.PARAMETERS: "Correct that connection parameter, in the URL or in its PG* variable.",
    Cause.ENCRYPTION: "Check sslmode and the certificates.",
    Cause.NO_PASSWORD: "The server requires a password: set DB_PASSWORD, or put it into DATABASE_URL or ~/.pgpass.",
    Cause.WRONG_PASSWORD: "Check the user, and the password in DB_PASSWORD, DATABASE_URL or ~/.pgpass.",
    Cause.NOT_ADMITTED: "Check the user (--user, DB_USER): the role must exist and have LOGIN, and the server's "
    "pg_hba.conf must allow it to connect from this address.",
    Cause.DATABASE_MISSING: "Check the name of the database. To create it, the role must be able to connect to "
    "another database of the server: postgres, template1, or the one that PGDATABASE names.",
    Cause.NO_PRIVILEGE: "Ask the owner of the database to run: GRANT CONNECT ON DATABASE … TO …;",
    Cause.DATABASE_CLOSED: "ALTER DATABASE … ALLOW_CONNECTIONS true opens it again; a database whose DROP DATABASE "
    "was interrupted can only be dropped.",
    Cause.FULL: "The server, the database or the role has no connection left (CONNECTION LIMIT), and a migration takes "
    "up to three: end some sessions, or try again later.",
    Cause.NOT_READY: "The server is starting or shutting down: try again.",
    Cause.REFUSED: "Check the user and the password, and what the server's log says.",
    Cause.UNKNOWN: "Check host, port and database, and what the server's or the pooler's log says.",
}
