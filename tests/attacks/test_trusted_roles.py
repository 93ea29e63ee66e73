"""Whose objects the tool uses: its own, those of roles that it is a member of by a grant that counts, superusers'."""

import uuid

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.ownership import Trusted, load_with_ownership

pytestmark = pytest.mark.old_versions(whole=True)


@pytest.fixture
def make_role(admin):
    """Make roles; they are gone after the test."""
    names = []

    def make(rights: str = "") -> str:
        name = f"role_{uuid.uuid4().hex[:12]}"
        names.append(name)
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'p' {rights}")
        return name

    yield make
    for name in reversed(names):
        admin.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


@pytest.fixture
def trusts(empty_db):
    """Say whether one role trusts another in the test's database."""

    def trusts_in_database(role: str, other: str) -> bool:
        with psycopg.connect(session_of(empty_db, role), autocommit=True) as connection:
            found = connection.execute(load_with_ownership(Trusted.ALL)).fetchall()
            assert set(connection.execute(load_with_ownership(Trusted.SURELY)).fetchall()) <= set(found)
            return connection.execute("SELECT %s::regrole::oid", [other]).fetchone() in found

    return trusts_in_database


def session_of(connection, role):
    info = connection.info
    superuser = f" password={info.password}" if info.password else ""
    password = superuser if role == info.user else " password=p"
    return f"host={info.host} port={info.port} dbname={info.dbname} user={role}{password}"


def test_a_superuser_trusts_no_role_that_was_not_granted_to_it(empty_db, make_role, trusts):
    me, other = empty_db.info.user, make_role()
    assert trusts(me, me)
    assert trusts(other, me)
    assert not trusts(me, other)
    assert not trusts(other, make_role())


def test_a_group_is_trusted_through_other_groups_too(admin, make_role, trusts):
    me, inner, outer = make_role(), make_role(), make_role()
    admin.execute(f"GRANT {outer} TO {inner}; GRANT {inner} TO {me}")
    assert trusts(me, outer)
    assert not trusts(outer, me)


def test_a_grant_by_a_role_that_may_create_roles_counts(admin, make_role, trusts):
    me, group, manager = make_role(), make_role(), make_role("CREATEROLE")
    admin.execute(f"GRANT {group} TO {manager} WITH ADMIN OPTION")
    admin.execute(f"SET ROLE {manager}; GRANT {group} TO {me}; RESET ROLE")
    assert trusts(me, group)


def test_a_role_that_may_create_roles_is_not_trusted_by_the_superuser_whom_it_makes_a_member(
    admin, empty_db, make_role, trusts
):
    """Else it would become a superuser: by way of a role of its own, or of a group."""
    manager, evil, group, me = make_role("CREATEROLE"), make_role(), make_role(), empty_db.info.user
    admin.execute(f"GRANT {evil} TO {manager} WITH ADMIN OPTION; GRANT {group} TO {me}")
    with psycopg.connect(session_of(empty_db, manager), autocommit=True) as own:
        own.execute(f"GRANT {evil} TO {me}; GRANT {evil} TO {group}")
    assert trusts(me, group)
    assert not trusts(me, evil)


def test_a_grant_by_who_may_administer_the_member_counts(admin, make_role, trusts):
    me, group, manager = make_role(), make_role(), make_role()
    admin.execute(f"GRANT {group} TO {manager} WITH ADMIN OPTION; GRANT {me} TO {manager} WITH ADMIN OPTION")
    admin.execute(f"SET ROLE {manager}; GRANT {group} TO {me}; RESET ROLE")
    assert trusts(me, group)


def test_a_role_that_the_database_sets_is_trusted_where_the_session_s_role_trusts_it(
    admin, empty_db, make_role, trusts
):
    """What it owns could set the role back, and be a superuser."""
    owner, member, me = make_role(), make_role(), empty_db.info.user
    admin.execute(f"GRANT {owner} TO {member}")
    empty_db.execute(
        sql.SQL("ALTER DATABASE {} SET role = {}").format(*map(sql.Identifier, (empty_db.info.dbname, owner)))
    )
    assert not trusts(me, owner)
    assert trusts(member, owner)
    empty_db.execute(sql.SQL("ALTER DATABASE {} RESET role").format(sql.Identifier(empty_db.info.dbname)))


def test_a_role_that_a_role_sets_for_itself_is_trusted(admin, make_role, trusts):
    owner, member = make_role(), make_role()
    admin.execute(f"GRANT {owner} TO {member}; ALTER ROLE {member} SET role = {owner}")
    assert trusts(member, owner)


def test_a_role_cannot_make_others_its_members_and_so_be_trusted(admin, empty_db, make_role, trusts):
    mallory, helper, me = make_role(), make_role(), empty_db.info.user
    admin.execute(f"GRANT {helper} TO {mallory} WITH ADMIN OPTION")
    with psycopg.connect(session_of(empty_db, mallory), autocommit=True) as own:
        own.execute(f"GRANT {helper} TO {me}")
        if own.info.server_version < 150000:
            own.execute(f"GRANT {mallory} TO {me}")
    assert not trusts(me, helper)
    assert not trusts(me, mallory)


def test_the_right_to_administer_a_role_is_no_membership(admin, empty_db, make_role, trusts):
    if empty_db.info.server_version < 160000:
        pytest.skip("such a membership came with 16")
    manager, made, reached, named = make_role("CREATEROLE"), make_role(), make_role(), make_role()
    admin.execute(f"GRANT {made} TO {manager} WITH ADMIN true, INHERIT false, SET false")
    admin.execute(f"GRANT {reached} TO {manager} WITH INHERIT false, SET true")
    admin.execute(f"GRANT {named} TO {manager} WITH INHERIT true, SET false")
    assert not trusts(manager, made)
    assert trusts(manager, reached)
    assert trusts(manager, named)


def test_the_owner_of_the_database_is_trusted_as_its_own_role_is(admin, empty_db, make_role, trusts):
    if empty_db.info.server_version < 140000:
        pytest.skip("pg_database_owner came with 14")
    owner, other = make_role(), make_role()
    assert trusts(other, "pg_database_owner")
    admin.execute(sql.SQL(f"ALTER DATABASE {{}} OWNER TO {owner}").format(sql.Identifier(empty_db.info.dbname)))
    try:
        assert trusts(owner, "pg_database_owner")
        assert not trusts(other, "pg_database_owner")
        assert not trusts(empty_db.info.user, "pg_database_owner")
        admin.execute(f"GRANT {owner} TO {other}")
        assert trusts(other, "pg_database_owner")
    finally:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(sql.Identifier(empty_db.info.dbname)))
