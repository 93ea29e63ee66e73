"""The production mark of a database, and the rules of what may be emptied.

The mark is the setting ``fowergram.environment = 'production'`` of the database. A setting that no
extension declares takes a superuser to store; for every other owner the mark is a line of the database's
comment, which any owner may write. Either counts.
"""

import re
from collections.abc import Callable, Mapping

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection, reported
from fowergram_db.database.lifecycle import DatabaseFacts, comment_on, database_facts
from fowergram_db.errors import Refused

_MARK = "fowergram.environment=production"
_DISPOSABLE = frozenset(("test", "tests", "testing", "dev", "ci"))


def is_disposable(name: str) -> bool:
    """Tell whether a database's name says that it holds nothing of worth.

    >>> [is_disposable(name) for name in ("fowergram_test", "ci-7", "latest", "contest_2", "fowergram")]
    [True, True, False, False, False]
    """
    return not _DISPOSABLE.isdisjoint(re.split(r"[\W_]+", name.lower()))


def require_no_production(environ: Mapping[str, str], consequence: str) -> None:
    """Raise Refused where the environment is declared to be production; ``consequence`` says what is not done there."""
    if environ.get("FOWERGRAM_ENVIRONMENT", "").strip().lower() == "production":
        raise Refused(
            f"FOWERGRAM_ENVIRONMENT is production: {consequence}",
            hint="Run it in another environment, or take the variable away.",
        )


def require_resettable(
    name: str, facts: DatabaseFacts | None, environ: Mapping[str, str], confirm: Callable[[], bool]
) -> None:
    """Raise Refused where a database may not be emptied: see the table in docs/test-databases.md.

    ``facts`` is None where there is none of that name; ``confirm`` is asked where the name does not say that it holds
    nothing of worth.
    """
    require_no_production(environ, "nothing is reset here")
    if facts and facts.production:
        raise Refused(
            f'database "{name}" is marked as production and is never reset',
            hint="Check the target. `fowergram-db protect --off` takes the mark away.",
        )
    if not (is_disposable(name) or confirm()):
        raise Refused(
            f'reset would delete all data of database "{name}"; nothing was done',
            hint="Type the name of the database when asked, or add --yes.",
        )


def is_protected(connection: Connection) -> bool:
    """Tell whether the database of this session is marked as production."""
    return facts_of_session(connection).production


def protect(connection: Connection) -> None:
    """Mark the database of this session as production. Done twice, it changes nothing."""
    facts = facts_of_session(connection)
    if facts.production:
        return
    name = sql.Identifier(facts.name)
    with reported("mark the database as production"):
        try:
            connection.execute(sql.SQL("ALTER DATABASE {} SET fowergram.environment TO 'production'").format(name))
        except psycopg.errors.InsufficientPrivilege:
            comment_on(connection, facts.name, "\n".join(filter(None, (facts.comment, _MARK))))


def unprotect(connection: Connection) -> None:
    """Take the production mark away, both forms of it."""
    facts = facts_of_session(connection)
    if not facts.production:
        return
    lines = (facts.comment or "").split("\n")
    with reported("take the production mark away"), connection.transaction():
        if _MARK in lines:
            comment_on(connection, facts.name, "\n".join(line for line in lines if line != _MARK) or None)
        if facts_of_session(connection).production:
            connection.execute(
                sql.SQL("ALTER DATABASE {} RESET fowergram.environment").format(sql.Identifier(facts.name))
            )


def facts_of_session(connection: Connection) -> DatabaseFacts:
    """Return how the database of this session was made. Raises Refused where it is gone by that name."""
    facts = database_facts(connection)
    if facts is None:
        raise Refused("the database was dropped or renamed meanwhile", hint="Run the command again.")
    return facts
