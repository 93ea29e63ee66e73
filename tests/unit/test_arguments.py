"""Errors of usage: they never repeat what may be a password."""

import pytest

from fowergram_db.cli.arguments import presentable
from fowergram_db.cli.failures import error_data, error_lines
from fowergram_db.cli.github import annotations
from fowergram_db.errors import ConfigurationError, DatabaseError, Location, ServerReport, UsageError

LONG = "postgresql://me:" + "sesame" * 80 + "@host/db"


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("Got unexpected extra argument(s) (postgresql://me:sesame@host/db)", ["postgresql://me:sesame@host/db"]),
        ('No such command "postgresql://me:se\'s sesame@h".', ["postgresql://me:se's sesame@h"]),
        ("'postgresql://me:se\\'s \"sesame@h' is no number", ["--to", "postgresql://me:se's \"sesame@h"]),
        ("'postgresql://me:\\tsesame\\n@h' is no number", ["--to", "postgresql://me:\tsesame\n@h"]),
        (f"Got unexpected extra argument ({LONG})", [LONG]),
        ("Got unexpected extra arguments (sesame w@host)", ["postgresql://me:a", "sesame", "w@host"]),
        ("no table: host=h password='a sesame'", ["host=h password='a sesame'"]),
        ("no table: HOST=h PASSWORD = sesame", ["HOST=h PASSWORD = sesame"]),
        ("unexpected extra argument (sesame)", ["--password", "sesame"]),
        ("there is no directory 'postgresql:/me:sesame@h/db'", ["--migrations-dir=postgresql://me:sesame@h/db"]),
        ("Invalid value: me:sesame@host", ["me:sesame@host"]),
        ("Invalid value: my sesame password", ["my sesame password"]),
        ("quoted oddly: postgresql%3A//me%3Asesame", ["postgresql://me:sesame@host/db"]),
        ("amqp://me:sesame@h and 100%", ["--x=amqp://me:sesame@h"]),
    ],
)
@pytest.mark.parametrize("kind", [UsageError, ConfigurationError])
def test_an_argument_that_may_hold_a_password_is_not_repeated(kind, message, arguments):
    error = kind(message, hint=f"Correct {arguments[-1]}.", location=Location(arguments[-1]))
    error.add_note(f"Seen: {arguments[-1]}")
    shown = presentable(error, arguments)
    lines = [text for text, _ in error_lines(shown)]
    assert "sesame" not in f"{lines} {error_data(shown)} {list(annotations(shown, ''))}"
    assert type(shown) is kind


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("No such command 'migrat'.", ["migrat"]),
        ("No such option: --jsn", ["status", "--jsn", "--database-url", "postgresql://me:sesame@host/db"]),
        ("'1O' is not a valid int", ["--to", "1O", "--user", "me@work"]),
        ("Got unexpected extra argument (shop)", ["migrate", "shop"]),
    ],
)
def test_every_other_argument_is_repeated(message, arguments):
    error = UsageError(message, hint="`fowergram-db --help` shows what there is.")
    shown = presentable(error, arguments)
    assert (shown.message, shown.hint) == (error.message, error.hint)


def test_an_error_of_the_server_repeats_names_but_no_url():
    server = ServerReport("42P01", "table public.password_resets", "see postgresql://me:ses ame@h/db", "")
    error = DatabaseError("no password_resets at me@work", server=server)
    shown = presentable(error, ["password_resets", "me@work", "postgresql://me:ses ame@h/db"])
    assert shown.message == error.message
    assert shown.server == ServerReport("42P01", "table public.password_resets", "see …", "")


def test_a_hint_that_shows_how_to_write_a_url_stays():
    hint = "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
    assert presentable(UsageError("x", hint=hint), ["postgresql://me:sesame@h/db"]).hint == hint


@pytest.mark.parametrize("arguments", [["password='a", "sesame'"], ["new", "password", "sesame"], ["a@h", "x sesame"]])
def test_extra_arguments_are_not_repeated_where_a_shell_may_have_split_one(arguments):
    shown = presentable(UsageError(f"Got unexpected extra argument(s) ({' '.join(arguments)})"), arguments)
    assert shown.message == "Got unexpected extra argument(s) (…)"
