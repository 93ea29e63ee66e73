"""Those who see a log, or the output of another's command, find no password in it."""

import hashlib
import traceback

import psycopg
import pytest

from fowergram_db.database.target import url_of
from fowergram_db.errors import MigrationFailed
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget

pytestmark = pytest.mark.matrix(every=3)

VALUES = {
    "'ses''ame'": "ses'ame",
    "E'ses\\\\am\\145'": "ses\\ame",
    "U&'s!0065same' UESCAPE '!'": "sesame",
    "$p$ses$$ame'$p$": "ses$$ame'",
    "'ses' -- it's\n    'ame 2'": "sesame 2",
    "'ซีซาม ses ame'": "ซีซาม ses ame",
    "/* /* x */ y */ 'se:same'": "se:same",
}
REPEATING = [
    "DO $$ BEGIN EXECUTE format('ALTER ROLE {role} PASSWORD %L VALID UNTIL %L', 'sesame', 'never'); END $$;",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE {role} VALID UNTIL ''never'' PASSWORD ' || quote_literal('sesame'); END $$;",
    "DO $$ BEGIN RAISE NOTICE 'it is sesame'; ALTER ROLE {role} PASSWORD 'sesame'; PERFORM 1/0; END $$;",
    "DO $$ DECLARE p text := 'sesame'; BEGIN RAISE WARNING 'set %', p;\n"  # noqa: ISC004
    "EXECUTE format('ALTER ROLE {role} PASSWORD %L', p); RAISE 'was %', p USING DETAIL = p, HINT = p; END $$;",
    "ALTER ROLE {role} PASSWORD /* /* x */ y */ 'sesame' oops;",
    "ALTER ROLE {role} PASSWORD ('sesame');",
    "ALTER ROLE {role} PASSWORD B'sesame';",
    "ALTER ROLE {role} PASSWORD X'sesame';",
    "ALTER ROLE {role} PASSWORD U&'sesame' oops;",
    "ALTER ROLE {role} PASSWORD sesame;",
    'ALTER ROLE {role} PASSWORD "sesame";',
    "ALTER ROLE {role} PASSWORD ''Sesame'';",
    "PREPARE p AS SELECT format('ALTER ROLE {role} PASSWORD %L', $1)::int; EXECUTE p('sesame');",
    "COPY (SELECT 1) TO PROGRAM 'false curl -u me:sesame h';",
    "SELECT set_config('app.password', 'sesame', true), 1/0;",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 password=sesame nosuch=x' PUBLICATION p;",
    "SELECT 'postgresql://me:sesame@h/d'::int;",
    "CREATE TABLE t (a int);\nCOPY t FROM stdin;\npostgresql://me:sesame@h/d\n\\.\n",
]


@pytest.mark.parametrize("script", REPEATING)
def test_a_password_that_the_server_repeats_is_not_shown(cli, write, role, monkeypatch, script):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(**{"001_a": script.format(role=role)})
    runs = [cli("migrate"), cli("migrate", "--json"), cli("migrate", "--dry-run")]
    assert [result.exit_code for result in runs] == [1, 1, 0]
    assert not any("sesame" in result.out + result.err for result in runs)


def test_a_password_in_a_string_without_an_end_is_not_shown(cli, write, role):
    """Such a file is refused before anything runs."""
    write(**{"001_a": f"ALTER ROLE {role} PASSWORD 'it's sesame';"})
    runs = [cli("migrate"), cli("migrate", "--json"), cli("migrate", "--dry-run")]
    assert [result.exit_code for result in runs] == [2, 2, 2]
    assert not any("sesame" in result.out + result.err for result in runs)


@pytest.mark.parametrize("script", REPEATING[2:11])
def test_a_traceback_shows_no_password(write, role, target, script):
    files = read_migrations(write(**{"001_a": script.format(role=role)}))
    with pytest.raises(MigrationFailed) as caught:
        migrate(target, files, UpgradeTarget(), lambda _event: None)
    assert "sesame" not in "".join(traceback.format_exception(caught.value))


def test_the_password_of_another_session_is_not_shown(cli, write, target):
    write(**{"001_a": "CREATE TABLE a (id int);"})
    assert cli("migrate").exit_code == 0
    write(**{"002_b": "ALTER TABLE a ADD b int;"})
    with psycopg.connect(url_of(target)) as other:
        other.execute("LOCK TABLE a; DO $$ BEGIN PERFORM format('ALTER ROLE x PASSWORD %L', 'sesame'); END $$")
        result = cli("migrate", "--lock-timeout", "1500ms", "--lock-retries", "0")
    assert result.exit_code == 5
    assert "LOCK TABLE a" in result.err
    assert "sesame" not in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze", "host=h password='a sesame'"],
        ["analyze", "postgresql://me:it's sesame@h/d"],
        ["status", "postgresql://me:" + "sesame" * 60 + "@h/d"],
        ["migrate", "--to", "postgresql://me:a sesame@h/d"],
        ["migrate", "--dbname", "host=h password=sesame"],
        ["postgresql://me:a sesame@h/d"],
        ["help", "postgresql://me:a sesame@h/d"],
    ],
)
def test_an_error_of_usage_repeats_no_password(cli, empty_db, arguments):  # noqa: ARG001 - the database is there
    for result in (cli(*arguments), cli(*arguments, "--json")):
        assert result.exit_code == 2
        assert "sesame" not in result.out + result.err
        assert "error: " in result.err


def _stored(query, role):
    return query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")[0][0]


@pytest.mark.parametrize("literal", VALUES)
def test_a_dry_run_with_its_variables_does_what_migrate_does(cli, write, role, empty_db, query, psql, literal):
    script = f"SET password_encryption = 'md5';\nALTER ROLE {role}\n  PASSWORD {literal}"
    write(**{"001_a": f"{script}VALID UNTIL 'infinity';\n", "002_b": f"{script};"})
    result = cli("migrate", "--dry-run")
    assert result.out.count(":'secret_1'") == 2
    assert "secret_1 (001_a.sql:3)" in result.err
    value = VALUES[literal]
    assert not any(part in result.out + result.err for part in (value, literal, "same'"))
    expected = "md5" + hashlib.md5(f"{value}{role}".encode()).hexdigest()
    psql(result.out, secret_1=value)
    assert _stored(query, role) == expected
    empty_db.execute(f"ALTER ROLE {role} PASSWORD NULL; DROP TABLE schema_migrations")
    assert cli("migrate").exit_code == 0
    assert _stored(query, role) == expected


def test_a_dry_run_puts_in_each_secret_of_a_statement(cli, write, role, empty_db, query, psql):
    write(
        **{
            "001_a": f"ALTER ROLE {role} SET app.password = 'sesame 1';\n"
            "CREATE TABLE a AS SELECT format('ALTER ROLE x PASSWORD %L', 'sesame ''2') AS q,\n"
            "  'postgresql://me:sesame@h/d' AS url, E'host=h\\npassword=\\'ses ame\\'' AS c, 'sesame 1' AS other;",
        }
    )
    result = cli("migrate", "--dry-run")
    values = ["sesame 1", "sesame '2", "postgresql://me:sesame@h/d", "host=h\npassword='ses ame'"]
    assert [f":'secret_{number}'" in result.out for number in range(1, 6)] == [True] * 4 + [False]
    psql(result.out, **{f"secret_{number}": value for number, value in enumerate(values, 1)})
    by_psql = query("TABLE a")
    empty_db.execute("DROP TABLE a, schema_migrations")
    assert cli("migrate").exit_code == 0
    assert query("TABLE a") == by_psql
    assert by_psql == [("ALTER ROLE x PASSWORD 'sesame ''2'", values[2], values[3], "sesame 1")]


def test_a_dry_run_says_where_it_masks_what_psql_cannot_put_in(cli, write):
    write(
        **{
            "001_a": "-- ALTER ROLE x PASSWORD 'sesame'\nSELECT 1 AS sesame; -- sesame",
            "002_b": "SELECT 1;\nDO $$ BEGIN\n  EXECUTE format('ALTER ROLE x PASSWORD %L', 'sesame');\nEND $$;",
            "003_c": "CREATE TABLE c (t text);\nCOPY c FROM stdin;\npostgresql://me:sesame@h/d\n\\.\n",
        }
    )
    result = cli("migrate", "--dry-run")
    assert (result.out + result.err).replace("AS sesame", "").count("sesame") == 0
    assert "does not run as it is: a secret is masked at 002_b.sql:3, 003_c.sql:3, " in result.err
    assert "psql variables" not in result.err


def test_secrets_are_shown_when_asked_for(cli, write, directory):
    write(**{"001_a": "ALTER ROLE x PASSWORD 'sesame';\nDO $$ BEGIN PERFORM f(password => 'sesame'); END $$;\n"})
    shown = cli("migrate", "--dry-run", "--show-secrets")
    assert (directory / "001_a.sql").read_text() in shown.out
    assert "secret" not in shown.err
    refused = cli("migrate", "--show-secrets")
    assert (refused.exit_code, "--dry-run" in refused.err) == (2, True)


def test_a_rollback_shows_no_secret_of_a_recorded_script(cli, write, directory, role):
    write(**{"001_a": "CREATE TABLE a (id int);", "001_a.down": f"ALTER ROLE {role} PASSWORD 'sesame';\nDROP TABLE a;"})
    assert cli("migrate").exit_code == 0
    (directory / "001_a.down.sql").unlink()
    result = cli("rollback", "--dry-run")
    assert ":'secret_1'" in result.out
    assert "sesame" not in result.out + result.err
    assert "'sesame'" in cli("rollback", "--dry-run", "--show-secrets").out


def test_a_dry_run_without_secrets_has_the_files_as_they_are(cli, write):
    text = (
        "CREATE TABLE users (password text DEFAULT 'x');\nINSERT INTO users VALUES ('y');\n"
        "UPDATE users SET password = 'z' WHERE password = 'y';\n-- the password 'x' is no secret: me@example.org\n"
        "COMMENT ON COLUMN users.password IS 'the password of https://example.org:80/@';\n"
        "COPY users FROM stdin;\nit's\npassword=x\n\\.\nSELECT ':x', E'a\\'b', $a$:'secret_1'$a$ AS password;\n"
    )
    write(**{"001_a": text})
    result = cli("migrate", "--dry-run")
    assert text in result.out
    assert "secret" not in result.err


def test_a_large_file_has_no_password_in_its_data(cli, write):
    rows = f"{'x' * 200}\tpostgresql://me:sesame@h/d\n" * 40_000
    write(
        **{
            "001_a": f"CREATE TABLE a (x text, t text);\nCOPY a FROM stdin;\n{rows}\\.\n"
            "ALTER ROLE x PASSWORD 'sesame';\n"
        }
    )
    result = cli("migrate", "--dry-run")
    assert "sesame" not in result.out + result.err
    assert result.out.count("postgresql://me:******@h/d\n") == 40_000
    assert "\nALTER ROLE x PASSWORD :'secret_1';\n" in result.out
    assert "does not run as it is" in result.err
