"""A recorded down script is code: it runs only where no role but the trusted ones could have written it."""

import pytest
from psycopg import sql

UNDONE = "CREATE TABLE by_whom AS SELECT current_user"
WRITES = {
    "all": "GRANT ALL ON ALL TABLES IN SCHEMA public TO {}",
    "update of a column": "GRANT SELECT, UPDATE (down_sql) ON public.schema_migrations TO {}",
    "insert": "GRANT INSERT ON public.schema_migrations TO {}",
    "everybody": "GRANT UPDATE ON public.schema_migrations TO PUBLIC",
    "all data": "GRANT pg_write_all_data TO {}",
}


@pytest.fixture
def migrated(cli, write, empty_db, directory):
    """A database with one migration, of which the files are gone."""
    write(**{"001_a": "CREATE TABLE a (id int);", "001_a.down": "DROP TABLE a;"})
    assert cli("migrate").exit_code == 0
    for file in directory.iterdir():
        file.unlink()
    write(**{"002_b": "CREATE TABLE b (id int);"})
    return empty_db


@pytest.fixture
def mallory(mallory, admin):
    """Mallory, who is a member of nothing afterwards: what she may in one database she may in all others, too."""
    yield mallory
    if admin.info.server_version >= 140000:
        admin.execute(f"REVOKE pg_write_all_data FROM {mallory.name}")


@pytest.mark.parametrize("grant", WRITES)
def test_a_script_that_another_role_may_have_written_is_not_run(cli, migrated, mallory, write, grant):
    if grant == "all data" and migrated.info.server_version < 140000:
        pytest.skip("pg_write_all_data came with 14")
    migrated.execute(sql.SQL(WRITES[grant]).format(sql.Identifier(mallory.name)))
    migrated.execute(f"UPDATE public.schema_migrations SET down_sql = '{UNDONE}'")
    result = cli("rollback", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (4, "untrusted_owner")
    who = "PUBLIC" if grant == "everybody" else f'"{mallory.name}"'
    assert f"{who} may write to public.schema_migrations" in result.document["error"]["message"]
    assert migrated.execute("SELECT pg_catalog.to_regclass('public.by_whom')").fetchone() == (None,)
    # The way on.
    write(**{"001_a": "CREATE TABLE a (id int);", "001_a.down": "DROP TABLE a;"})
    assert cli("rollback").exit_code == 0


@pytest.mark.parametrize("grant", ["SELECT", "SELECT, DELETE"])
def test_a_script_that_others_may_only_read_is_run(cli, migrated, mallory, grant):
    migrated.execute(f"GRANT {grant} ON public.schema_migrations TO {mallory.name}")
    assert cli("rollback").exit_code == 0


def test_a_script_that_a_group_of_ours_may_write_is_run(cli, migrated, admin, role):
    admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    migrated.execute(f"GRANT ALL ON public.schema_migrations TO {role}")
    assert cli("rollback").exit_code == 0


def test_a_row_that_another_role_has_added_is_not_undone(cli, migrated, mallory):
    migrated.execute(f"GRANT INSERT ON public.schema_migrations TO {mallory.name}")
    migrated.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {mallory.name}")
    with mallory.connect(migrated.info.dbname) as own:
        own.execute(
            "INSERT INTO public.schema_migrations (filename, checksum, version, name, duration_ms, tool_version, "
            f"statements_done, down_sql) VALUES ('9_x.sql', 'c', 9, 'x', 0, '', 1, '{UNDONE}')"
        )
    assert cli("rollback").exit_code == 4
    assert migrated.execute("SELECT pg_catalog.to_regclass('public.by_whom')").fetchone() == (None,)
