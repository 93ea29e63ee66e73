"""Choose another database of the target's server, for CREATE and DROP DATABASE, and say which ones were tried."""

from collections.abc import Mapping

from fowergram_db.database.target import Target
from fowergram_db.errors import ConnectionFailed, NoMaintenanceDatabase

MAINTENANCE_DATABASE = "postgres"
TEMPLATE = "template1"

_REASONS = {
    "3D000": "does not exist",
    "42501": "CONNECT is not granted",
    "55000": "accepts no connections",
    "28000": "not admitted by pg_hba.conf",
    "53300": "no connection is left",
}
_REMEDIES = {
    "3D000": "CREATE DATABASE postgres;",
    "42501": "GRANT CONNECT ON DATABASE postgres TO PUBLIC;",
    "55000": "ALTER DATABASE postgres ALLOW_CONNECTIONS true;",
}


def known_databases(target: Target, also: str) -> tuple[str, ...]:
    """Return the names to try, the best first.

    They are postgres; the name of the role; ``also``, if that is as good; template1, in which a session blocks those
    who create databases; those that lower levels of the configuration name, as PGDATABASE may.
    """
    own, *named = (name if name != target.dbname else "" for name in (target.user, *target.also_named))
    return tuple(dict.fromkeys(filter(None, (MAINTENANCE_DATABASE, own, also, TEMPLATE, *named))))


def no_maintenance_database(target: Target, refusals: Mapping[str, ConnectionFailed]) -> ConnectionFailed:
    """Return the error if no database lets the role in; ``refusals`` has the error of each that was tried, by name.

    One that is not about its database says more than a list, and is returned itself.
    """
    codes = {name: error.server.sqlstate if error.server else "" for name, error in refusals.items()}
    if other := next((name for name, code in codes.items() if code not in _REASONS), None):
        return refusals[other]
    tried = ", ".join(f"{name} ({_REASONS[code]})" for name, code in codes.items())
    remedy = _REMEDIES.get(codes.get(MAINTENANCE_DATABASE, ""))
    superuser = f" Or let a superuser run: {remedy}" if remedy else ""
    failed = NoMaintenanceDatabase(
        f"cannot connect to any database on {target.place}, to create and drop others from there; tried: {tried}",
        hint=f"Name a database that {target.user} may connect to in PGDATABASE, and the target with --dbname or "
        f"DATABASE_URL.{superuser}",
    )
    failed.may_pass = any(error.may_pass for error in refusals.values())
    return failed
