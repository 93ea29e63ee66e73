"""What another role has put where the tool looks for its own is not run, read or written; its owner is named."""

import os
import uuid
from pathlib import Path

import pytest

from fowergram_db.database.sql import load
from fowergram_db.errors import DatabaseError, UntrustedHistory
from fowergram_db.migrations.events import StepStarted
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.history_table import create_history, read_down_scripts, read_durations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget

# A sample of each set of cases, unless all are asked for.
pytestmark = [pytest.mark.matrix(every=3), pytest.mark.old_versions(whole=True)]

FILES = {"001_a": "CREATE TABLE a (id int);", "001_a.down": "DROP TABLE a;", "002_b": "CREATE TABLE b (id int);"}
COMMANDS = (
    ("status",),
    ("status", "--check"),
    ("migrate",),
    ("migrate", "--dry-run"),
    ("rollback",),
    ("rollback", "--dry-run"),
    ("repair",),
    ("adopt", "--to", "1"),
    ("adopt", "--to", "1", "--force"),
    ("reset", "--yes"),
)
COLUMNS = "filename, checksum, version, name, duration_ms, tool_version, statements_done"
ROW = f"INSERT INTO public.schema_migrations ({COLUMNS}) VALUES ('001_a.sql', 'c', 1, 'a', 0, '', 1)"
OWN_TABLE = load("bookkeeping/create")
BOOL = (
    "CREATE FUNCTION public.trap({0}) RETURNS boolean IMMUTABLE LANGUAGE plpgsql "
    "AS $f$BEGIN {{body}} RETURN true; END$f$;"
)
TRIGGER = "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN {body} RETURN NEW; END$f$;"
ALTER = "ALTER TABLE public.schema_migrations"

# A table of the tool's own shape that mallory has made beforehand, and what she hangs on it: each runs her code.
MADE_BEFOREHAND = {
    "nothing at all": "",
    "a trigger": TRIGGER + "CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON public.schema_migrations "
    "FOR EACH STATEMENT EXECUTE FUNCTION public.trap();",
    "a rule": BOOL.format("") + "CREATE RULE r AS ON INSERT TO public.schema_migrations DO ALSO SELECT public.trap();",
    "a default": BOOL.format("") + f"{ALTER} ALTER state SET DEFAULT public.trap()::text;",
    "a CHECK": BOOL.format("text") + f"{ALTER} ADD CHECK (public.trap(name));",
    "an expression index": BOOL.format("text") + "CREATE INDEX ON public.schema_migrations (public.trap(name));",
    "a partial index": BOOL.format("") + "CREATE INDEX ON public.schema_migrations (name) WHERE public.trap();",
    "a policy": BOOL.format("") + "CREATE POLICY p ON public.schema_migrations USING (public.trap());"
    f"{ALTER} FORCE ROW LEVEL SECURITY;",
    "a stored column": BOOL.format("text") + f"{ALTER} ADD g boolean GENERATED ALWAYS AS (public.trap(name)) STORED;",
    "a domain": BOOL.format("text") + "CREATE DOMAIN public.d AS text CHECK (public.trap(VALUE));"
    f"{ALTER} ALTER name TYPE public.d;",
    "a cast": "CREATE TYPE public.c AS (x text); CREATE FUNCTION public.trap(public.c) RETURNS text LANGUAGE plpgsql "
    "AS $f$BEGIN {body} RETURN 'x'; END$f$; CREATE CAST (public.c AS text) WITH FUNCTION public.trap(public.c);"
    f"{ALTER} ALTER name TYPE public.c USING ROW(name)::public.c;",
    "a range": "CREATE FUNCTION public.trap(int, int) RETURNS double precision IMMUTABLE LANGUAGE plpgsql "
    "AS $f$BEGIN {body} RETURN 1; END$f$; CREATE TYPE public.r AS RANGE (subtype = int, subtype_diff = public.trap);"
    f"{ALTER} ADD r public.r;",
    "an operator": BOOL.format("text, text") + "CREATE OPERATOR public.=== (LEFTARG = text, RIGHTARG = text, "
    f"FUNCTION = public.trap); {ALTER} ADD CHECK (name OPERATOR(public.===) name);",
    "a child": BOOL.format("text") + "CREATE TABLE public.child (CHECK (public.trap(name))) "
    "INHERITS (public.schema_migrations);",
    "a view": BOOL.format("") + "ALTER TABLE public.schema_migrations RENAME TO hidden;"
    "CREATE VIEW public.schema_migrations AS SELECT * FROM public.hidden WHERE public.trap();",
}  # fmt: skip


@pytest.fixture
def attack(open_public, mallory, write):
    """Let mallory run a script in the test's database; return a function that counts the entries into her traps."""
    write(**FILES)
    body = mallory.bring_trap(open_public)

    def run(script: str) -> None:
        with mallory.connect(open_public.info.dbname) as own:
            own.execute(script.replace("{body}", body).replace("{{", "{").replace("}}", "}"))

    return run


@pytest.fixture
def is_refused(cli, mallory, open_public):
    """Run commands, and check that each is refused, names the owner and the way on, and has entered no trap."""

    def check(commands=COMMANDS, exit_code=4) -> None:
        before = state_of(open_public)
        for command in commands:
            result = cli(*command, "--json")
            assert mallory.entries(open_public) == 0, command
            error = result.document["error"]
            assert (result.exit_code, error and error["code"]) == (exit_code, "untrusted_owner"), (command, result.err)
            assert f'belongs to "{mallory.name}"' in error["message"]
            assert f"--user {mallory.name}" in error["hint"]
        assert state_of(open_public) == before

    return check


def state_of(connection):
    """What the database holds: its relations, and the rows of the history where reading them is safe."""
    relations = "SELECT relname, relowner, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    return connection.execute(relations).fetchall()


@pytest.mark.parametrize("trap", MADE_BEFOREHAND)
def test_a_history_that_another_role_has_made_is_not_used(attack, is_refused, trap):
    attack(f"{OWN_TABLE} {ROW}; {MADE_BEFOREHAND[trap]}")
    is_refused()


@pytest.mark.parametrize("owner", ["pg_database_owner", "pg_monitor"])
def test_a_predefined_role_hides_no_owner(attack, cli, open_public, admin, mallory, owner):
    """pg_shdepend does not list what such a role owns."""
    if open_public.info.server_version < 140000:
        pytest.skip("pg_database_owner came with 14")
    name = open_public.info.dbname
    admin.execute(f'GRANT pg_monitor TO {mallory.name}; ALTER DATABASE "{name}" OWNER TO {mallory.name}')
    try:
        attack(
            f"{OWN_TABLE} {MADE_BEFOREHAND['a trigger']} ALTER FUNCTION public.trap() OWNER TO {owner};"
            f"{ALTER} OWNER TO {owner}"
        )
        for command in COMMANDS[:3]:
            result = cli(*command)
            assert (result.exit_code, mallory.entries(open_public)) == (4, 0)
            assert f'public.schema_migrations belongs to "{owner}"' in result.err
    finally:
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER')


def test_a_virtual_column_is_not_read(attack, is_refused, open_public):
    if open_public.info.server_version < 180000:
        pytest.skip("virtual columns came with 18")
    attack(f"{OWN_TABLE} {ROW}; {ALTER} ADD g text GENERATED ALWAYS AS (upper(name)) VIRTUAL")
    is_refused()


@pytest.mark.parametrize(
    "table",
    [
        "(version bigint, dirty boolean)",
        "(version text)",
        "(id int, filename text, executed_at timestamptz, checksum text)",
    ],
)
def test_the_history_of_another_tool_is_not_read(attack, is_refused, table):
    attack(f"CREATE TABLE public.schema_migrations {table}")
    is_refused()


OTHER_TOOLS = {
    "goose_db_version": "id int, version_id bigint, is_applied boolean, tstamp timestamptz",
    "gorp_migrations": "id text, applied_at timestamptz",
    "flyway_schema_history": "installed_rank int, version text, description text, type text, success boolean, "
    "installed_on timestamptz",
    "__diesel_schema_migrations": "version text, run_on timestamptz",
    "_sqlx_migrations": "version bigint, description text, success boolean, installed_on timestamptz",
    "changes": "change_id text, change text, project text, committed_at timestamptz, planned_at timestamptz, "
    "planner_name text",
}  # fmt: skip


@pytest.mark.parametrize("schema", ["public", "mallory_private"])
@pytest.mark.parametrize("table", OTHER_TOOLS)
def test_no_table_of_another_tool_is_read_wherever_it_is(attack, is_refused, table, schema):
    attack(
        f"CREATE TABLE {schema}.{table} ({OTHER_TOOLS[table]}); ALTER TABLE {schema}.{table} RENAME TO hidden;"
        f"CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE plpgsql AS $f$BEGIN {{body}} RETURN true; END$f$;"
        f"CREATE TABLE {schema}.{table} () INHERITS ({schema}.hidden);"
        f"ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY p ON {schema}.{table} USING (public.trap())"
    )
    is_refused((("adopt",), ("adopt", "--force")))


def test_a_trusted_history_of_a_tool_goes_before_another_roles(attack, cli, open_public, mallory):
    columns = OTHER_TOOLS["goose_db_version"]
    attack(f"CREATE TABLE mallory_private.goose_db_version ({columns})")
    open_public.execute(f"CREATE SCHEMA z; CREATE TABLE z.goose_db_version ({columns}); CREATE TABLE public.a (id int)")
    open_public.execute("INSERT INTO z.goose_db_version VALUES (1, 1, true, now())")
    result = cli("adopt", "--force", "--json")
    assert (result.exit_code, result.document["recorded"]) == (0, [1]), result.err
    assert mallory.entries(open_public) == 0


def test_triggers_and_foreign_keys_of_others_on_our_history_are_found(attack, cli, is_refused, open_public, mallory):
    cli("migrate", "--to", "1")
    open_public.execute(f"GRANT ALL ON public.schema_migrations TO {mallory.name}")
    attack(MADE_BEFOREHAND["a trigger"])
    is_refused()
    open_public.execute("DROP TRIGGER t ON public.schema_migrations")
    # Up to 17 a deferred trigger runs as the role that commits.
    attack(
        "CREATE TABLE public.refers (v bigint REFERENCES public.schema_migrations (version) ON DELETE CASCADE);"
        "CREATE CONSTRAINT TRIGGER t AFTER DELETE ON public.refers DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION public.trap(); INSERT INTO public.refers VALUES (1)"
    )
    is_refused()
    assert "drop the table public.refers." in cli("status").err
    open_public.execute("DROP TABLE public.refers")
    assert cli("migrate").exit_code == 0


FUNCTION = (
    "CREATE FUNCTION public.maintain_partitions(a integer DEFAULT {default}, b interval DEFAULT NULL) "
    "RETURNS TABLE (partition_name text, action text) LANGUAGE plpgsql AS $f$BEGIN {body} END$f$;"
)


@pytest.mark.parametrize("files", [FILES, {}])
def test_a_function_of_another_role_is_not_called_after_migrating(attack, cli, is_refused, directory, files):
    if files:
        cli("migrate")
    else:
        [file.unlink() for file in directory.iterdir() if not file.name.startswith("001")]
    attack(FUNCTION.replace("{default}", "1"))
    cli("migrate")
    is_refused((("migrate",),), exit_code=1)


def test_a_default_argument_of_another_role_is_not_evaluated(attack, cli, is_refused, open_public):
    attack("CREATE FUNCTION public.trap() RETURNS integer LANGUAGE plpgsql AS $f$BEGIN {body} RETURN 1; END$f$;")
    open_public.execute(FUNCTION.replace("{default}", "public.trap()").replace("{body}", ""))
    cli("migrate")
    is_refused((("migrate",),), exit_code=1)


@pytest.mark.parametrize(
    "arguments", ["", "VARIADIC x text[] DEFAULT '{}'", "a bigint DEFAULT 1", "a integer DEFAULT 1"]
)
def test_no_overload_is_called_in_place_of_the_function_that_is_trusted(attack, cli, open_public, mallory, arguments):
    open_public.execute(
        FUNCTION.replace("{default}", "1 + 1").replace("{body}", "RETURN QUERY SELECT 'p' || a, 'created'::text;")
    )
    overload = FUNCTION.replace("a integer DEFAULT {default}, b interval DEFAULT NULL", arguments)
    attack(overload)
    result = cli("migrate", "--json")
    assert (result.exit_code, result.document["partitions"]) == (0, [{"name": "p2", "action": "created"}]), result.err
    assert mallory.entries(open_public) == 0


@pytest.mark.parametrize("more", [", c integer DEFAULT 1", ", VARIADIC c integer[] DEFAULT '{}'"])
def test_an_overload_that_makes_the_call_ambiguous_is_named(attack, cli, is_refused, open_public, more):
    open_public.execute(FUNCTION.replace("{default}", "1").replace("{body}", ""))
    attack(FUNCTION.replace("{default}", "1").replace("DEFAULT NULL", f"DEFAULT NULL{more}"))
    cli("migrate")
    is_refused((("migrate",),), exit_code=1)


def test_a_history_that_another_role_creates_at_the_same_moment_is_not_used(attack, open_public, mallory):
    attack(f"{OWN_TABLE} {MADE_BEFOREHAND['a trigger']}")
    with pytest.raises(UntrustedHistory, match=f'belongs to "{mallory.name}"'):
        create_history(open_public)
    assert mallory.entries(open_public) == 0


@pytest.mark.usefixtures("open_public")
@pytest.mark.parametrize("owner", ["a group", "the role itself", "a superuser"])
def test_histories_of_trusted_roles_still_work(cli, write, role, admin, query, monkeypatch, owner):
    write(**FILES)
    cli("migrate", "--to", "1")
    group = f"group_{uuid.uuid4().hex[:8]}"
    admin.execute(f"CREATE ROLE {group}; GRANT {group} TO {role}")
    try:
        query(f"GRANT ALL ON SCHEMA public TO {role}, {group}; ALTER TABLE a OWNER TO {role}")
        query(f"GRANT ALL ON schema_migrations TO {role}")
        if owner != "a superuser":
            query(f"ALTER TABLE schema_migrations OWNER TO {group if owner == 'a group' else role}")
        monkeypatch.setenv("DB_USER", role)
        monkeypatch.setenv("DB_PASSWORD", "plain password")
        assert cli("status", "--json").document["summary"] == {"applied": 1, "pending": 1, "problems": 0}
        for command in ("migrate", "migrate", "rollback", "repair"):
            result = cli(command) if command != "rollback" else cli(command, "--to", "1", "--dry-run")
            assert result.exit_code in {0, 2}, result.err
        assert query("SELECT max(version) FROM schema_migrations") == [(2,)]
    finally:
        query(f"DROP OWNED BY {group} CASCADE")
        admin.execute(f"DROP ROLE {group}")


@pytest.mark.usefixtures("open_public")
def test_the_hint_for_a_superuser_names_the_role_that_migrates(cli, write, role, query, monkeypatch):
    write(**FILES)
    with monkeypatch.context() as plain:
        plain.setenv("DB_USER", role)
        plain.setenv("DB_PASSWORD", "plain password")
        assert cli("migrate").exit_code == 0
    for command in (("status",), ("status", "--check"), ("migrate",)):
        result = cli(*command)
        assert result.exit_code == 4
        assert f'error: public.schema_migrations belongs to "{role}", and' in result.err
        assert f"hint: Connect as that role (--user {role}), or as a member of it." in result.err
    assert query("SELECT count(*) FROM schema_migrations") == [(2,)]


REPLACED = f"DROP TABLE public.schema_migrations CASCADE; {OWN_TABLE} {ROW};"
WITH_CODE = {"002_b": "DO $$ BEGIN CREATE TABLE t2 (id int); END $$;"}
SMALL = {f"00{n}_{name}": f"CREATE TABLE t{n} (id int);" for n, name in enumerate("bcde", start=2)}
BY_STATEMENT = {
    "002_b": "-- fowergram: no-transaction\nCREATE TABLE t2 (id int);\nCREATE INDEX CONCURRENTLY i ON t2 (id);",
}


@pytest.mark.parametrize("swap", [REPLACED + MADE_BEFOREHAND["a trigger"], MADE_BEFOREHAND["a trigger"]])
@pytest.mark.parametrize("files", [WITH_CODE, SMALL, BY_STATEMENT])
def test_a_table_that_replaces_the_history_during_a_run_is_not_written_to(
    attack, cli, write, target, open_public, mallory, files, swap
):
    """The owner of ``public`` puts another table in place, or one with the right to it makes a trigger."""
    write(**files)
    assert cli("migrate", "--to", "1").exit_code == 0
    open_public.execute(f"GRANT ALL ON public.schema_migrations TO {mallory.name}")
    open_public.execute(f"ALTER SCHEMA public OWNER TO {mallory.name}")

    def on_event(event: object) -> None:
        nonlocal swap
        if swap and isinstance(event, StepStarted):
            attack(swap)
            swap = ""

    with pytest.raises(UntrustedHistory, match=f'belongs to "{mallory.name}"'):
        migrate(target, read_migrations(Path(os.environ["MIGRATIONS_DIR"])), UpgradeTarget(), on_event)
    assert mallory.entries(open_public) == 0
    assert open_public.execute("SELECT to_regclass('public.t2')").fetchone() == (None,)


def test_a_table_that_is_swapped_before_a_down_script_is_read_is_not_read(attack, cli, open_public, mallory):
    assert cli("migrate", "--to", "1").exit_code == 0
    open_public.execute(f"ALTER SCHEMA public OWNER TO {mallory.name}")
    attack(REPLACED + MADE_BEFOREHAND["a partial index"])
    with pytest.raises(DatabaseError, match="division by zero"):
        read_down_scripts(open_public, [1])
    with pytest.raises(DatabaseError, match="division by zero"):
        read_durations(open_public, [1])
    assert mallory.entries(open_public) == 0


def test_a_view_in_the_place_of_the_statistics_of_statements_is_not_read(attack, cli, open_public, mallory):
    open_public.execute("CREATE EXTENSION pg_stat_statements VERSION '1.8'")
    attack(
        BOOL.format("") + "CREATE VIEW public.pg_stat_statements_info AS "
        "SELECT 1 AS dealloc, now() AS stats_reset WHERE public.trap();"
        "CREATE FUNCTION public.pg_stat_statements(showtext boolean, more int DEFAULT 1) RETURNS SETOF record "
        "LANGUAGE plpgsql AS $f$BEGIN {body} END$f$;"
    )
    result = cli("slow-queries", "--json")
    assert (result.exit_code, mallory.entries(open_public)) == (0, 0), result.err
