"""An accident in a value never leads to another database: each is an error, or is corrected."""

import pytest

from fowergram_db.cli.main import run
from fowergram_db.database.connection_values import require_creatable
from fowergram_db.database.environment import read_env_file
from fowergram_db.database.target import Embedded, Target, resolve_target
from fowergram_db.errors import ConfigurationError


def resolve(options=None, environ=None, env_file=None) -> Target:
    return resolve_target(options or {}, environ or {}, env_file or {}, libpq=lambda _: {}, embedded_available=False)


@pytest.mark.parametrize("before", ["", " ", "\n", "\ufeff", "\u00a0\t"])
@pytest.mark.parametrize("behind", ["\n", "\r\n", " ", "\t \n", "\u00a0", "\u200b"])
def test_white_space_around_a_url_is_taken_off(before, behind):
    plain = "postgresql://me:s@h:1/app?sslmode=require"
    for place in ("options", "environ", "env_file"):
        name = "database_url" if place == "options" else "DATABASE_URL"
        assert resolve(**{place: {name: f"{before}{plain}{behind}"}}) == resolve({"database_url": plain})
    assert resolve({"database_url": f"{before}embedded:{behind}"}).embedded == Embedded()


def test_a_url_of_white_space_counts_as_unset():
    assert resolve({"database_url": " "}, {"DATABASE_URL": "\n"}, {"DATABASE_URL": "postgres://h/db"}).dbname == "db"


ACCIDENTS = [
    "app\n", "app\r", "\tapp", "a\x00b", "a\x1b[1m", "a\x85", " app", "app ", "app\u00a0", "ap\u200bp", "\ufeffapp",
    "ap\u202ep",
    "${DB}_dev", "app_${ENV}", "$DB_dev", "app-$env", "app_$ENV", "$(DB)", "$(cat x)", "{{ db }}", "{{db", "{db}",
    "#{db}", "%{db}", "{}",
    "%DB%", "app_%ENV%", "<db>", "<your database>", "<%= db %>", "`db`", "@@DB@@", "@DB@", "__DB__", "undefined",
    "null", "'app'", '"app"', r"app\n", r"app\r\n", r"\tapp", "app\\", "[db]", "[your-database]", "app?sslmode=require",
]  # fmt: skip


@pytest.mark.parametrize("text", ACCIDENTS)
@pytest.mark.parametrize("part", ["dbname", "user", "host"])
def test_a_value_that_can_only_be_an_accident_is_an_error(part, text):
    variable = {"dbname": "DB_NAME", "user": "DB_USER", "host": "DB_HOST"}[part]
    libpq = {"dbname": "PGDATABASE", "user": "PGUSER", "host": "PGHOST"}[part]
    found = [({part: text}, {}, {}), ({}, {variable: text}, {}), ({}, {}, {variable: text})]
    for levels in found:
        with pytest.raises(ConfigurationError):
            resolve(*levels)
    with pytest.raises(ConfigurationError):
        resolve_target({}, {libpq: text}, {}, libpq=lambda _: {part: text}, embedded_available=False)


@pytest.mark.parametrize(
    "text",
    [
        "app",
        "app_dev",
        "App-2",
        "a b",
        "ฐานข้อมูล",
        "a.b",
        "a$b",
        "v$session",
        "me@work.example",
        "o'neil",
        "100%",
        "a#b",
        "null_test",
        r"WORK\\nina",
        "a[1]",
        "who?",
        "کتاب\u200cها",
    ],
)
def test_a_name_that_is_only_odd_is_taken(text):
    assert resolve({"dbname": text}).dbname == text


@pytest.mark.parametrize(
    "name",
    ["n7/x", "/app", "app/", "./db", "C:\\\\app", "db:5432", "me@db", "app?x", "a&b", "a=b", "a#b", "app # production",
     "a b", "my app", "100%", "app%2Fdev", "a,b", "a;b", "o'neil", 'a"b', "a[1]", "(app)", "a|b", "a*", "~app", "a+b",
     "app!", "--yes", "-h", ".env", "app.", "None", "NULL", "nil", "NaN", "true", "False", "localhost", "127.0.0.1",
     "5432", "app\u2026", "\u201capp\u201d", "a\u2044b", "app\u00a0dev", "app\U0001f680"],
)  # fmt: skip
def test_a_legal_name_that_is_most_likely_a_mistake_is_not_created(name):
    with pytest.raises(ConfigurationError, match="is not created: its name") as caught:
        require_creatable(name, "5432")
    assert f'CREATE DATABASE "{name.replace(chr(34), chr(34) * 2)}";' in caught.value.hint


@pytest.mark.parametrize(
    "name",
    ["app", "app_dev", "App-2", "a.b", "v$session", "2024", "5433", "db.example.com", "_x", "null_test", "none2",
     "ฐานข้อมูล", "کتاب\u200cها", "café", "数据库", "127.0.0.1.x"],
)  # fmt: skip
def test_a_usual_name_is_created(name):
    require_creatable(name, "5432")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://h/n7%2Fx", "n7/x"),
        ("postgresql://h/?dbname=n7%2Fx", "n7/x"),
        ("postgresql://h?dbname=n7/x", "n7/x"),
        ("postgresql://h/app%252F", "app%2F"),
        ("postgresql://h/app%20dev", "app dev"),
        ("postgresql://h?dbname=a+b", "a+b"),
        ("host=h dbname=n7/x", "n7/x"),
        ("host=h dbname='a b'", "a b"),
    ],
)
def test_percent_encoding_and_parameters_create_no_database_with_such_a_name(url, name):
    target = resolve({"database_url": url})
    assert target.dbname == name
    with pytest.raises(ConfigurationError):
        require_creatable(target.dbname, target.port)


@pytest.mark.parametrize(
    "name", ["app%0A", "%0aapp", "app%00", "app%09", "app%20", "%7Bdb%7D", "%24%7BDB%7D", "%22app%22", "app%C2%85"]
)
def test_percent_encoding_hides_no_accident(name):
    with pytest.raises(ConfigurationError):
        resolve({"database_url": f"postgresql://h:1/{name}"})


@pytest.mark.parametrize(
    ("url", "sign"),
    [
        ("postgresql://h:1/app/", "/"), ("postgresql://h:1//app", "/"), ("postgresql://h:1/app/public", "/"),
        ("postgresql://h:1/app#x", "#"),
        ("postgresql://h:1/app&sslmode=require", "&"), ("postgresql://h:1/app;sslmode=require", ";"),
        ("postgresql://h:1/dbname=app", "="), ("postgresql://h:1/app/?sslmode=require", "/"),
    ],
)  # fmt: skip
def test_text_after_the_database_in_a_url_is_not_part_of_its_name(url, sign):
    with pytest.raises(ConfigurationError, match="name of the database") as caught:
        resolve({"database_url": url})
    assert f"%{ord(sign):02X}" in caught.value.hint


def test_a_slash_a_hash_or_an_ampersand_in_a_name_is_percent_encoded():
    assert resolve({"database_url": "postgresql://h:1/a%2Fb%23c%26d"}).dbname == "a/b#c&d"


@pytest.mark.parametrize(
    "url", ["postgresql://h", "postgresql://h/", "postgresql://h:1", "postgresql://h:1/?sslmode=require"]
)
def test_a_url_without_a_database_leaves_it_to_the_other_levels(url):
    assert resolve({"database_url": url}).dbname == "fowergram"
    assert resolve({"database_url": url}, {"DB_NAME": "app"}).dbname == "app"


@pytest.mark.parametrize(
    ("parameter", "way"),
    [
        ("schema=public", "search_path"), ("currentSchema=x", "search_path"), ("search_path=x", "search_path"),
        ("pgbouncer=true", "Leave it out"),
        ("connection_limit=5", "pool"), ("pool_timeout=10", "pool"), ("statement_cache_size=0", "through PgBouncer"),
        ("sslaccept=strict", "sslmode"),
        ("ssl=1", "sslmode"), ("statement_timeout=5s", "--statement-timeout"),
        ("work_mem=1GB", "options=-cwork_mem%3D"),
        ("connectTimeout=5", "connect_timeout"), ("ApplicationName=x", "application_name"),
        ("SSLMode=require", "lower case: sslmode"),
        ("charset=utf8", "UTF-8"), ("x-migrations-table=x", "Leave it out"), ("username=x", "USER"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "sslmode=require&"])
def test_a_parameter_that_libpq_does_not_know_is_named_with_libpqs_way(parameter, way, before):
    name = parameter.partition("=")[0]
    with pytest.raises(ConfigurationError, match=f"'{name}'") as caught:
        resolve({"database_url": f"postgresql://me:sesame@h:1/app?{before}{parameter}"})
    assert way in caught.value.hint
    assert "sesame" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "query",
    ["sslmode=require", "ssl=true", "options=-csearch_path%3Dx", "connect_timeout=5&application_name=x", "user=u"],
)
def test_parameters_of_libpq_are_taken(query):
    assert resolve({"database_url": f"postgresql://h:1/app?{query}"}).dbname == "app"


def test_a_password_with_a_question_mark_is_not_taken_for_a_parameter():
    target = resolve({"database_url": "postgresql://me:open?sesame=now@h/db"})
    assert (target.password, target.dbname) == ("open?sesame=now", "db")


@pytest.mark.parametrize(
    "scheme",
    [
        "postgresql+psycopg",
        "postgresql+psycopg2",
        "postgresql+asyncpg",
        "postgres+pg8000",
        "POSTGRESQL",
        "Postgres",
        "postgres",
    ],
)
def test_a_driver_of_sqlalchemy_and_capitals_make_no_difference(scheme):
    assert resolve({"database_url": f"{scheme}://u:p@h:1/app"}) == resolve({"database_url": "postgresql://u:p@h:1/app"})


@pytest.mark.parametrize(
    "scheme",
    [
        "mysql",
        "mysql+pymysql",
        "jdbc:postgresql",
        "postgis",
        "pgsql",
        "sqlite",
        "http",
        "cockroachdb",
        "sqlserver",
        "file",
    ],
)
def test_another_scheme_is_named_as_not_supported(scheme):
    with pytest.raises(ConfigurationError, match="not supported") as caught:
        resolve({"database_url": f"{scheme}://me:sesame@h/db"})
    assert f"{scheme.partition('+')[0]}://" in str(caught.value)
    assert "sesame" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_url_in_quotes_is_an_error_that_says_so(quote):
    with pytest.raises(ConfigurationError, match="quotes"):
        resolve(environ={"DATABASE_URL": f"{quote}postgresql://h/db{quote}"})


def test_a_port_that_kubernetes_has_set_is_explained():
    with pytest.raises(ConfigurationError) as caught:
        resolve(environ={"DB_PORT": "tcp://10.0.0.1:5432"})
    assert "enableServiceLinks: false" in caught.value.hint


@pytest.mark.parametrize("host", ["localhost:5432", "10.0.0.1:5432", "[::1]:5432", "db.example:1"])
def test_a_host_with_a_port_is_an_error(host):
    with pytest.raises(ConfigurationError, match="contains a port"):
        resolve(environ={"DB_HOST": host})


@pytest.mark.parametrize(
    ("levels", "is_right"),
    [
        (({"database_url": "postgresql://a:1,b:2/d"},), True),
        (({"database_url": "postgresql://a,b:2/d"},), True),
        (({"host": "a,b", "port": "1"},), True),
        (({"host": "a,b", "port": "1,2"},), True),
        (({"host": "a", "port": "1,2"},), False),
        (({"host": "a,b,c", "port": "1,2"},), False),
        (({"host": "c"}, {"DATABASE_URL": "postgresql://a:1,b:2/d"}), False),
    ],
)
def test_several_ports_are_one_for_each_host(levels, is_right):
    if is_right:
        assert "," in resolve(*levels).host
    else:
        with pytest.raises(ConfigurationError, match="ports for"):
            resolve(*levels)


@pytest.mark.parametrize("path", ["${HOME}/db", "$HOME/db", "{{ home }}/db", "a%0Ab"])
def test_the_directory_of_an_embedded_server_has_no_variable(path):
    with pytest.raises(ConfigurationError):
        resolve({"database_url": f"embedded:///{path}"})


@pytest.mark.parametrize(
    "text",
    [
        "DB_NAME=${DB}_dev", "DB_NAME='${DB}_dev'", "export DB_NAME=${DB}_dev", "\ufeffDB_NAME=${DB}_dev",
        "DB_NAME=$(id)", 'DB_NAME="app\n"',
        "DB_NAME='app '", "DATABASE_URL=postgresql://h:1/${DB}", 'DATABASE_URL="postgresql://h:1/{{ db }}"',
        "DB_NAME=%DB%", "DB_NAME=<db>",
        "DB_HOST=localhost\nDB_PORT=tcp://10.0.0.1:5432", "DATABASE_URL=mysql://h/db",
        "DATABASE_URL=postgresql://h/db?schema=public",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_env_file_leads_to_no_second_database(tmp_path, capsys, text, end):
    (tmp_path / ".env").write_bytes(f"{text}\n".replace("\n", end).encode())
    (tmp_path / "001_a.sql").write_text("SELECT 1")
    assert run(["migrate", "--migrations-dir", "."]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.startswith("error: ")) == ("", True)


@pytest.mark.parametrize(
    "line",
    [
        "DATABASE_URL='postgresql://h:1/app\n'",
        "DATABASE_URL=postgresql://h:1/app \r",
        "export DATABASE_URL = postgresql://h:1/app\t",
    ],
)
def test_an_env_file_may_have_white_space_around_a_url(tmp_path, line):
    (tmp_path / ".env").write_bytes(line.encode())
    assert resolve(env_file=read_env_file(None)).dbname == "app"


@pytest.mark.parametrize(
    "url", ["h/db", "me:sesame@h/db", "postgresql//h/db", "postgres:/h/db", "db.example:5432", "5432"]
)
def test_a_url_without_a_scheme_is_an_error_that_says_so(url):
    with pytest.raises(ConfigurationError, match="it does not begin with postgresql://") as caught:
        resolve(environ={"DATABASE_URL": url})
    assert "sesame" not in f"{caught.value} {caught.value.hint}"
