"""Attacks on the tool by those who share a cluster with it: each test acts as another role, client or server."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.target import Target
from tests.integration.conftest import (  # noqa: F401 - fixtures
    _template,
    admin,
    cli,
    db,
    directory,
    empty_db,
    native,
    pooled,
    pooler,
    proxied,
    proxy,
    psql,
    query,
    role,
    server,
    tables,
    target,
    unique,
    variables,
    write,
)

_PASSWORD = "mallory's password"
_PRIVATE = "mallory_private"


@dataclass(frozen=True, slots=True)
class Attacker:
    """An ordinary login role, and the way to its own sessions. ``schema`` holds the objects that it creates."""

    name: str
    server: Target
    schema: str = _PRIVATE

    def connect(self, dbname: str) -> psycopg.Connection:
        """Open an autocommit session as this role."""
        return psycopg.connect(
            host=self.server.host,
            port=self.server.port,
            dbname=dbname,
            user=self.name,
            password=_PASSWORD,
            autocommit=True,
        )

    def bring_trap(self, admin_session: Connection) -> str:
        """Make, in a session's database, a schema of this role with a counter; return the body of a trap.

        The body, for a PL/pgSQL function, counts each entry by a role other than this one in a sequence, which no
        rollback takes back.
        """
        admin_session.execute(
            sql.SQL("CREATE SCHEMA {schema} AUTHORIZATION {role}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC").format(
                schema=sql.Identifier(self.schema), role=sql.Identifier(self.name)
            )
        )
        with self.connect(admin_session.info.dbname) as own:
            own.execute(f"CREATE SEQUENCE {self.schema}.entered; GRANT ALL ON {self.schema}.entered TO PUBLIC")
        return (
            f"IF current_user <> '{self.name}' THEN "
            f"PERFORM pg_catalog.nextval('{self.schema}.entered'::pg_catalog.regclass); END IF;"
        )

    def entries(self, admin_session: Connection) -> int:
        """Return how often another role entered a trap."""
        count = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {self.schema}.entered"
        row = admin_session.execute(count).fetchone()
        assert row is not None
        return int(str(row[0]))


@pytest.fixture
def mallory(server, admin) -> Iterator[Attacker]:  # noqa: F811 - the fixtures above
    """An ordinary role of the same cluster; what it owns goes with the databases of the test."""
    yield from _attacker(server, admin, "")


@pytest.fixture
def mallory_with_createdb(server, admin) -> Iterator[Attacker]:  # noqa: F811
    """A role of the same cluster that may create databases, and nothing else."""
    yield from _attacker(server, admin, "CREATEDB")


def _attacker(server_target: Target, superuser: Connection, rights: str) -> Iterator[Attacker]:
    name = f"mallory_{uuid.uuid4().hex[:12]}"
    superuser.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} {}").format(
            sql.Identifier(name), sql.Literal(_PASSWORD), sql.SQL(rights)
        )
    )
    yield Attacker(name, replace(server_target, dbname="postgres"))
    owned = superuser.execute("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s", [name])
    for (database,) in owned.fetchall():
        named = sql.Identifier(str(database))
        superuser.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(named))
        superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
    superuser.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(name)))


@pytest.fixture
def open_public(empty_db):  # noqa: F811
    """A fresh database in which every role may create objects in ``public``, as on 13 and 14."""
    empty_db.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    return empty_db
