"""The precedence table: each part of the target is decided on its own."""

from pathlib import Path

import pytest

from fowergram_db.database.target import ConfigurationLevel, Embedded, Target, resolve_target
from fowergram_db.errors import ConfigurationError


def resolve(options=None, environ=None, env_file=None, libpq=None, *, embedded=False) -> Target:
    return resolve_target(
        options or {},
        environ or {},
        env_file or {},
        libpq=lambda _service: libpq or {},
        embedded_available=embedded,
    )


def parts(target: Target) -> tuple[str, str, str, str, str | None]:
    return target.host, target.port, target.dbname, target.user, target.password


def test_defaults_fill_what_is_left_once_anything_is_configured():
    assert parts(resolve(environ={"DB_NAME": "x"})) == ("localhost", "5432", "x", "postgres", None)


def test_every_level_beats_the_one_below():
    libpq = {"PGHOST": "pg", "PGDATABASE": "pgdb"}
    answers = {"host": "pg", "dbname": "pgdb", "user": "osuser", "port": "5432"}
    levels = {
        "env_file": {"DATABASE_URL": "postgres://fileurl/fileurl"},
        "environ": libpq,
    }
    assert resolve(environ=libpq, libpq=answers).host == "pg"
    assert resolve(**levels, libpq=answers).host == "fileurl"
    levels["env_file"] |= {"DB_HOST": "file"}
    assert resolve(**levels, libpq=answers).host == "file"
    levels["environ"] |= {"DATABASE_URL": "postgres://envurl/envurl"}
    assert resolve(**levels, libpq=answers).host == "envurl"
    levels["environ"] |= {"DB_HOST": "env"}
    assert resolve(**levels, libpq=answers).host == "env"
    options = {"database_url": "postgresql://opturl/opturl"}
    assert resolve(options, **levels, libpq=answers).host == "opturl"
    assert resolve(options | {"host": "opt"}, **levels, libpq=answers).host == "opt"


@pytest.mark.parametrize("below", ["environ", "env_file"])
def test_db_name_never_touches_the_database_that_a_url_names(below):
    url = {"DATABASE_URL": "postgres://me@db.example:6000/precious"}
    levels = {"environ": {"DB_NAME": "fowergram_test"}, "env_file": {}}
    levels[below] = levels[below] | url
    target = resolve(**levels)
    assert parts(target) == ("db.example", "6000", "fowergram_test", "me", None)


def test_the_databases_of_lower_levels_are_kept_in_the_target():
    target = resolve(
        {"dbname": "a"},
        {"DATABASE_URL": "postgres://h/b", "PGDATABASE": "d"},
        {"DB_NAME": "c", "DATABASE_URL": "postgres://h/a"},
    )
    assert (target.dbname, target.also_named) == ("a", ("b", "c", "d"))


def test_an_empty_variable_counts_as_unset():
    target = resolve(environ={"DB_HOST": "", "DATABASE_URL": ""}, env_file={"DB_HOST": "h"})
    assert target.host == "h"
    with pytest.raises(ConfigurationError):
        resolve(environ={"DB_HOST": "", "PGHOST": ""})


def test_pghost_suppresses_the_defaults():
    target = resolve(environ={"PGHOST": "pg"}, libpq={"host": "pg", "port": "5432", "user": "me"})
    assert parts(target) == ("pg", "5432", "me", "me", None)


def test_pgservice_suppresses_the_defaults():
    service = {"host": "svc", "port": "6543", "dbname": "d", "user": "u", "password": "p"}
    assert parts(resolve(environ={"PGSERVICE": "s"}, libpq=service)) == ("svc", "6543", "d", "u", "p")


def test_a_service_in_the_url_counts_like_pgservice():
    service = {"host": "svc", "port": "6543", "dbname": "d", "user": "u", "password": "p"}
    target = resolve({"database_url": "postgres:///other?service=s"}, libpq=service)
    assert parts(target) == ("svc", "6543", "other", "u", "p")
    assert ("service", "s") in target.parameters


def test_other_libpq_variables_only_replace_their_own_default():
    assert parts(resolve(environ={"PGDATABASE": "d"})) == ("localhost", "5432", "d", "postgres", None)


@pytest.mark.parametrize(
    ("given", "password"),
    [
        ({"environ": {"DATABASE_URL": "postgres://u:s@a/db"}}, "s"),
        ({"environ": {"DATABASE_URL": "postgres://u:s@a/db", "DB_HOST": "a"}}, "s"),
        ({"environ": {"DATABASE_URL": "postgres://u:s@a/db", "DB_HOST": "b"}}, None),
        ({"environ": {"DATABASE_URL": "postgres://u:s@/db", "DB_HOST": "b"}}, None),
        ({"environ": {"DATABASE_URL": "postgres://u:s@/db"}}, "s"),
        ({"options": {"host": "b"}, "environ": {"DB_PASSWORD": "s"}}, "s"),
        ({"options": {"host": "b"}, "environ": {"DB_PASSWORD": "s", "DB_HOST": "a"}}, None),
        ({"environ": {"DB_HOST": "b"}, "env_file": {"DB_HOST": "a", "DB_PASSWORD": "s"}}, None),
        ({"environ": {"DB_PASSWORD": "s"}, "env_file": {"DATABASE_URL": "postgres://u:old@a/db"}}, "s"),
        ({"options": {"host": "b"}, "environ": {"PGHOST": "a", "PGPASSWORD": "s"}}, None),
        ({"options": {"host": "b"}, "environ": {"PGPASSWORD": "s"}}, "s"),
        (
            {
                "options": {"host": "a"},
                "environ": {"DB_HOST": "b", "DB_PASSWORD": "for b"},
                "env_file": {"DATABASE_URL": "postgres://u:s@a/db"},
            },
            "s",
        ),
    ],
)
def test_a_password_goes_only_to_the_host_it_was_given_with(given, password):
    environ = given.get("environ", {})
    libpq = {"host": environ.get("PGHOST", ""), "password": environ.get("PGPASSWORD", ""), "user": "u"}
    target = resolve(**given, libpq=libpq)
    assert target.password == password
    assert bool(target.notes) == (password is None or "for b" in str(given))


def test_an_address_goes_only_with_its_own_host():
    url = "postgres://a/db?hostaddr=10.0.0.1&sslmode=require"
    own = dict(resolve({"database_url": url}).parameters)
    moved = dict(resolve({"database_url": url, "host": "b"}).parameters)
    assert own == {"hostaddr": "10.0.0.1", "sslmode": "require"}
    assert moved == {"hostaddr": "", "sslmode": "require"}
    exported = {"PGHOSTADDR": "10.0.0.2"}
    answers = {"hostaddr": "10.0.0.2", "user": "u"}
    assert dict(resolve(environ=exported, libpq=answers).parameters)["hostaddr"] == "10.0.0.2"
    assert dict(resolve({"host": "b"}, exported, libpq=answers).parameters)["hostaddr"] == ""


def test_embedded_by_name():
    target = resolve({"database_url": "embedded:"}, {"DB_NAME": "mine"}, {"DB_HOST": "h", "DB_USER": "u"})
    assert (target.embedded, target.dbname, target.user) == (Embedded(), "mine", "postgres")
    assert not target.assumed


def test_embedded_with_a_data_directory():
    target = resolve(environ={"DATABASE_URL": "embedded:///some/dir%20x"})
    assert target.embedded == Embedded(Path("/some/dir x"))


def test_a_host_above_an_embedded_url_wins():
    target = resolve({"host": "h"}, {"DATABASE_URL": "embedded:"})
    assert target.embedded is None
    assert target.host == "h"


@pytest.mark.parametrize("url", ["embedded://host/dir", "embedded:dir", "embedded:///d?x=1"])
def test_an_embedded_url_that_names_anything_else_is_refused(url):
    with pytest.raises(ConfigurationError, match="embedded"):
        resolve({"database_url": url})


def test_nothing_configured_means_the_embedded_server_where_it_is_installed():
    target = resolve(embedded=True)
    assert target.assumed
    assert target.embedded == Embedded()


def test_nothing_configured_and_no_embedded_server_lists_the_ways():
    with pytest.raises(ConfigurationError) as caught:
        resolve()
    for way in ("--database-url", "DATABASE_URL", "DB_HOST", "PGHOST", "PGSERVICE", "[embedded]"):
        assert way in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:s%zzecret@h/db",
        "postgres://u:sec@ret@h/db?nonsense=secret",
        "postgres://u:secret@[::1/db",
        "u:secret@h/db",
    ],
)
def test_a_broken_url_is_refused_without_showing_its_password(url):
    with pytest.raises(ConfigurationError) as caught:
        resolve({"database_url": url})
    assert "ecret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("port", ["0", "65536", "abc", "-1", "5432 ", "٥٤٣٢"])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(ConfigurationError, match="port"):
        resolve(environ={"DB_PORT": port})


def test_neither_the_password_nor_a_parameter_shows_in_the_representation():
    target = resolve({"database_url": "postgres://u:secret@h/db?sslpassword=secret"})
    assert "secret" not in repr(target) + str(target)
    assert ("sslpassword", "secret") in target.parameters


@pytest.mark.parametrize("part", ["host", "dbname", "user"])
@pytest.mark.parametrize("text", ["port=1 password = sesame", "me:sesame@host", "postgresql://me:sesame@host"])
def test_a_connection_string_is_no_name(part, text):
    with pytest.raises(ConfigurationError, match="looks like") as caught:
        resolve_target({part: text}, {}, {}, libpq=lambda _: {}, embedded_available=False)
    assert "sesame" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "url", ["postgresql://me:12/sesame@host/db", "postgres://me:/sesame@host:5432/db?sslmode=require"]
)
def test_a_password_that_libpq_would_take_for_a_port_is_refused(url):
    with pytest.raises(ConfigurationError, match="before the @") as caught:
        resolve_target({"database_url": url}, {}, {}, libpq=lambda _: {}, embedded_available=False)
    assert "sesame" not in f"{caught.value} {caught.value.hint}"


def test_levels_and_targets_do_not_show_passwords():
    level = ConfigurationLevel("DATABASE_URL", {"password": "sesame"}, {"sslpassword": "sesame"})
    target = Target("app", "me", password="sesame", parameters=(("sslpassword", "sesame"),))
    assert "sesame" not in f"{level!r} {target!r} {target}"
