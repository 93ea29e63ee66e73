"""Secrets planted at random in scripts: none is shown anywhere, and nothing else is changed."""

from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from fowergram_db.database.statement_log import own_sql, script_sql, without_literals
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.context import DEFAULT_WAIT_POLICY, RunContext
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.script.scanner import scan
from fowergram_db.redaction.messages import mask_message, mask_query, mask_sql
from fowergram_db.redaction.psql_variables import Variables, changed

_CONTEXT = RunContext(None, (), DEFAULT_WAIT_POLICY, print, None)

CORE = "Zq7"
# {} is a literal of the secret, {quoted} the secret in a literal within a literal, {inner} the content of a string.
STATEMENTS = [
    "CREATE ROLE a LOGIN PASSWORD {}",
    "create user a with encrypted password {} valid until 'infinity'",
    'ALTER ROLE "password" NOSUPERUSER PASSWORD {} CONNECTION LIMIT 3',
    "ALTER USER a\n  PASSWORD /* the password */ {}",
    "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'password', password {})",
    "ALTER USER MAPPING FOR a SERVER s OPTIONS (SET password {}, ADD user 'u')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password={inner}' PUBLICATION p",
    "ALTER SUBSCRIPTION s CONNECTION 'postgresql://u:{inner}@h/d?sslmode=require'",
    "SELECT dblink_connect('c', 'host=h password={inner} user=u')",
    "SELECT * FROM dblink('postgresql://u:{inner}@h:5432/d', 'SELECT 1') AS t (a int)",
    "SELECT set_config('app.jwt_secret', {}, false)",
    "SELECT pg_catalog.set_config('app.password', {}, true), 'password'",
    "SET app.password = {}",
    "SET SESSION app.api_key TO {}",
    "ALTER DATABASE d SET app.secret = {}",
    "ALTER ROLE a SET app.token TO {}",
    "SELECT crypt({}, gen_salt('bf'))",
    "INSERT INTO config VALUES ('url', 'postgres://u:{inner}@h/d')",
    "DO $do$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''{inner}'''; END $do$",
    "DO $do$ BEGIN EXECUTE format('ALTER ROLE a PASSWORD %L', {}); END $do$",
    "DO $do$ DECLARE p text := {}; BEGIN EXECUTE 'ALTER ROLE a PASSWORD ' || quote_literal(p); END $do$",
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $do$ BEGIN ALTER ROLE a PASSWORD {}; END $do$",
    "COMMENT ON DATABASE d IS 'see postgresql://u:{inner}@h/d'",
]
HARMLESS = [
    "INSERT INTO kinds VALUES ('password')",
    "CREATE TABLE users (id int, password text DEFAULT 'x', CHECK (kind IN ('password', 'key')))",
    "UPDATE users SET password = 'changed', token = 'none' WHERE password = 'old'",
    "SELECT 'the password ''policy''', \"password\" FROM users -- password 'policy'\n",
    "COMMENT ON COLUMN users.password IS 'the password of https://example.org:80/@'",
    "ALTER TABLE users RENAME password TO passphrase",
    "CREATE INDEX ON users (password) /* PASSWORD */",
    "ALTER ROLE a PASSWORD NULL",
    "SET search_path = secret, token",
    "SELECT E'it\\'s', $a$the password$a$, U&'d\\0061t', :'x', 'https://example.org/a?b=c'",
    "SELECT 'รหัสผ่าน', 'me@example.org', 'a=1 b=2'",
    "DO $$ BEGIN RAISE NOTICE 'password %', 'unchanged'; END $$",
    "INSERT INTO urls VALUES ('https://h/x:y@z', 'redis://cache:6379/0')",
]
WORDS = st.text("abcdefgh0123456789", min_size=6, max_size=12)
ODD = st.sampled_from(["", "-", ".", "!", "#", "ก", "é", "/", "~"])
secrets = st.builds(lambda a, odd, b: f"{CORE}{a}{odd}{b}9", WORDS, ODD, WORDS)
WRITTEN = [
    lambda s: f"'{s}'",
    lambda s: "E'" + s + "'",
    lambda s: "U&'" + s + "'",
    lambda s: f"$x${s}$x$",
    lambda s: f"'{s[:5]}'\n  '{s[5:]}'",
]


@st.composite
def scripts(draw):
    """Generate a script, the places of its secrets, and the secrets."""
    parts, spans, planted = [], [], []
    for _ in range(draw(st.integers(1, 5))):
        harmless = draw(st.lists(st.sampled_from(HARMLESS), max_size=3))
        parts += [f"{statement};{draw(st.sampled_from(SPACES))}" for statement in harmless]
        if draw(st.booleans()):
            secret, statement = draw(secrets), draw(st.sampled_from(STATEMENTS))
            literal = draw(st.sampled_from(WRITTEN))(secret)
            text = statement.replace("{}", literal).replace("{inner}", secret)
            begin = sum(map(len, parts))
            spans.append((begin, begin + len(text)))
            planted.append(secret)
            parts.append(f"{text};{draw(st.sampled_from(SPACES))}")
    return "".join(parts), spans, planted


SPACES = ["\n", " ", "\n\n", " -- password\n", "\n/* a secret: none */\n"]


def shown(text: str) -> tuple[str, list[tuple[int, int]]]:
    """What a dry run prints of a script, and where it is changed."""
    variables = Variables()
    variables.learn(text)
    changes = variables.changes(text)
    return changed(text, 0, len(text), changes), [(change.start, change.end) for change in changes]


def hold(text: str, spans, planted) -> None:
    printed, places = shown(text)
    step = Step(Direction.UP, 1, "a", "001_a.sql", "001_a.sql", SqlFile(Path("001_a.sql"), text, Directives()))
    at = text.find(planted[0][: len(CORE)]) if planted else 0
    error = failure(
        _CONTEXT, CheckedStep(step, scan(text), Directives()), psycopg.errors.SyntaxError("syntax error"), at
    )
    outputs = [
        printed,
        mask_sql(text),
        mask_query(text),
        mask_message(f'SQL statement "{text}"'),
        str(error),
        error.excerpt,
        script_sql(text, scan(text).data, 0, len(text)),
        mask_query(without_literals(text)),
        own_sql(sql.SQL("SELECT {}").format(sql.Literal(text)).as_string().encode()),
        own_sql(sql.SQL("SELECT {}").format(sql.Literal(text))),
    ]
    assert [output for output in outputs if CORE in output] == []
    assert [place for place in places if not any(a <= place[0] and place[1] <= b for a, b in spans)] == []
    if not planted:
        assert printed == text == mask_sql(text)


@pytest.mark.matrix(every=2)
@pytest.mark.parametrize("count", [100, 2_000])
def test_no_secret_is_shown_and_nothing_else_is_changed(count):
    run = settings(
        max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    run(given(scripts())(lambda script: hold(*script)))()
