"""Servers that speak another language: what the tool does depends on SQLSTATE, and never on the words of a message."""

import contextlib
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from fowergram_db.database.target import Target
from tests.attacks.fake_server import fake_server
from tests.integration.pooler import find_pgbouncer, pooler_to
from tools import servers

# A sample of each set of cases, unless all are asked for.
pytestmark = pytest.mark.matrix(every=3)

MISSING = {
    "C": 'database "{}" does not exist',
    "de": "Datenbank »{}« existiert nicht",
    "es": "no existe la base de datos «{}»",
    "fr": "la base de données « {} » n'existe pas",
    "ja": 'データベース"{}"は存在しません',
    "ru": 'база данных "{}" не существует',
    "sv": 'databasen "{}" finns inte',
    "th": "ไม่มีฐานข้อมูลชื่อนั้น",
    "uk": 'база даних "{}" не існує',
}
FILES = {"001_a": "CREATE TABLE a (id int);"}
# What a server answers, a piece of the hint, and whether waiting helps.
REFUSALS = [
    ("28P01", "Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", "DB_PASSWORD", False),
    ("28000", "Rolle »app« existiert nicht", "--user", False),
    ("28000", "роли app вход запрещён", "LOGIN", False),
    ("28000", "kein pg_hba.conf-Eintrag für Host »127.0.0.1«", "pg_hba.conf", False),
    ("42501", "keine Berechtigung für Datenbank »app_test«", "GRANT CONNECT", False),
    ("55000", "Datenbank »app_test« akzeptiert gegenwärtig keine Verbindungen", "ALLOW_CONNECTIONS", False),
    ("53300", "désolé, trop de clients sont déjà connectés", "no connection left", True),
    ("57P03", "das Datenbanksystem startet", "starting", True),
    ("57P01", "連絡を管理者コマンドにより終了します", "shutting down", True),
]


@pytest.mark.parametrize("language", MISSING)
def test_a_missing_database_is_all_pending_in_every_language(cli, write, language):
    write(**FILES)
    with fake_server({"app_test": ("3D000", MISSING[language].format("app_test"))}) as server:
        url = f"postgresql://app@127.0.0.1:{server.port}/app_test"
        result = cli("status", "--wait-for-server", "30", "--json", "--database-url", url)
    assert result.exit_code == 0, result.err
    assert result.document["summary"] == {"applied": 0, "pending": 1, "problems": 0}


@pytest.mark.parametrize(("code", "words", "hint", "waits"), REFUSALS)
def test_waiting_and_hints_follow_the_code(cli, write, code, words, hint, waits):
    write(**FILES)
    with fake_server({"app_test": (code, words)}) as server:
        url = f"postgresql://app@127.0.0.1:{server.port}/app_test"
        limit = "0.3" if waits else "30"
        result = cli("migrate", "--wait-for-server", limit, "--json", "--database-url", url)
        assert (len(server.asked) > 1) == waits
    error = result.document["error"]
    assert (result.exit_code, error["code"], error["sqlstate"]) == (1, "connection_failed", code)
    assert words in error["message"]
    assert hint in error["hint"]


def test_words_that_look_like_another_error_change_nothing(cli, write):
    write(**FILES)
    words = 'password "app_test" pg_hba.conf C "28P01" permission denied'
    with fake_server({"app_test": ("57P03", words)}) as server:
        url = f"postgresql://app@127.0.0.1:{server.port}/app_test"
        error = cli("status", "--wait-for-server", "0.3", "--json", "--database-url", url).document["error"]
        assert len(server.asked) > 1
    assert "starting" in error["hint"]


def test_a_password_that_was_refused_goes_to_no_other_address(cli, write):
    write(**FILES)
    with fake_server({"app_test": ("28P01", "falsches Passwort")}) as server:
        url = f"postgresql://app@127.0.0.1:{server.port},127.0.0.1:{server.port}/app_test"
        error = cli("status", "--wait-for-server", "30", "--json", "--database-url", url).document["error"]
        assert server.asked == ["app_test"]
    assert (error["sqlstate"], "DB_PASSWORD" in error["hint"]) == ("28P01", True)


@pytest.mark.parametrize("parameter", ["sslmode=bogus", "gssencmode=bogus", "target_session_attrs=bogus"])
def test_a_parameter_that_libpq_does_not_know_is_not_waited_for(cli, write, parameter):
    write(**FILES)
    with fake_server({}) as server:
        url = f"postgresql://app@127.0.0.1:{server.port}/app_test?{parameter}"
        error = cli("status", "--wait-for-server", "30", "--json", "--database-url", url).document["error"]
        assert server.asked == []
    assert error["code"] == "connection_failed"
    assert "parameter" in error["hint"]


def test_a_server_that_hangs_up_is_waited_for(cli, write):
    """As one behind Docker's proxy does until it listens."""
    write(**FILES)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_hang_up, args=(listener,), daemon=True).start()
        url = f"postgresql://app@127.0.0.1:{listener.getsockname()[1]}/app_test"
        error = cli("status", "--wait-for-server", "0.3", "--json", "--database-url", url).document["error"]
        listener.shutdown(socket.SHUT_RDWR)
    assert error["code"] == "connection_failed"
    assert time.monotonic() - began > 0.3


def _hang_up(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            listener.accept()[0].close()


DEBIAN = Path("/usr/lib/postgresql/15")
LOCALES = ("C", "de_DE", "es_ES", "fr_FR", "ja_JP", "ru_RU", "sv_SE", "th_TH", "uk_UA")
NAMES = ["absent_test", "open_test", "private_test", "closed_test", "full_test"]


@pytest.fixture(scope="module")
def debian():
    """Debian's server, which has its messages in many languages, with a password for every role but one."""
    if not (DEBIAN / "bin/postgres").exists():
        pytest.skip("Debian's postgresql-15 is not installed")
    settings = {"fsync": "off", "log_line_prefix": "%e %c "}
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(servers.made(DEBIAN))
        server = stack.enter_context(cluster.started(settings))
        with psycopg.connect(server.url, autocommit=True) as admin:
            for role in ("app LOGIN CREATEDB", "idle NOLOGIN", "elsewhere LOGIN"):
                admin.execute(f"CREATE ROLE {role} PASSWORD 'sesame'")
            for name in NAMES[1:]:
                admin.execute(f"CREATE DATABASE {name}")
            admin.execute("REVOKE CONNECT ON DATABASE private_test FROM PUBLIC")
            admin.execute("ALTER DATABASE closed_test ALLOW_CONNECTIONS false")
            admin.execute("ALTER DATABASE full_test CONNECTION LIMIT 0")
            hba = "host all postgres,idle,nobody 127.0.0.1/32 trust\nhost all app 127.0.0.1/32 scram-sha-256\n"
            (cluster.data / "pg_hba.conf").write_text(hba)
            yield server, cluster, admin


@pytest.fixture(scope="module", params=LOCALES)
def speaking(request, debian):
    """The server when it speaks a language."""
    server, cluster, admin = debian
    name = request.param if request.param == "C" else f"{request.param}.UTF-8"
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.lower().split()
    if name != "C" and name.lower().replace("utf-8", "utf8") not in known:
        pytest.skip(f"the locale {name} is not generated")
    admin.execute(f"ALTER SYSTEM SET lc_messages = '{name}'")
    admin.execute("SELECT pg_reload_conf()")
    while _lc_messages(server) != name:
        pass
    return server, cluster


def _lc_messages(server) -> str:
    with psycopg.connect(server.url) as session:
        return session.execute("SHOW lc_messages").fetchone()[0]


@contextlib.contextmanager
def refusals_logged(cluster):
    """Yield a list; after the block it holds the SQLSTATE of each refused login, and the session's id."""
    log, codes = cluster.data.with_name("data.log"), []
    before = log.stat().st_size
    yield codes
    lines = log.read_bytes()[before:].decode().splitlines()
    codes += {tuple(line.split()[:2]) for line in lines if line.startswith(("28", "3D", "42", "53", "55"))}


@pytest.mark.parametrize(
    ("user", "password", "database", "hint", "code", "logged"),
    [
        ("app", "wrong", "open_test", "DB_PASSWORD", "28P01", 1),
        ("app", "", "open_test", "requires a password", None, 0),
        ("nobody", "", "open_test", "--user", "28000", 1),
        ("idle", "", "open_test", "LOGIN", "28000", 1),
        ("elsewhere", "sesame", "open_test", "pg_hba.conf", "28000", 1),
        ("app", "sesame", "private_test", "GRANT CONNECT", "42501", 1),
        ("app", "sesame", "closed_test", "ALLOW_CONNECTIONS", "55000", 1),
    ],
)
def test_a_login_that_is_refused_ends_at_once(
    cli, write, speaking, user, password, database, hint, code, logged, monkeypatch
):
    server, cluster = speaking
    write(**FILES)
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    url = f"postgresql://{user}:{quote(password)}@127.0.0.1:{server.port}/{database}"
    with refusals_logged(cluster) as codes:
        result = cli("migrate", "--wait-for-server", "60", "--json", "--database-url", url)
    error = result.document["error"]
    assert (result.exit_code, error["code"], error["sqlstate"]) == (1, "connection_failed", code), error
    assert hint in error["hint"]
    assert len(codes) == logged, codes


def test_a_missing_database_is_created(cli, write, speaking):
    server, _ = speaking
    write(**FILES)
    there = ("--database-url", f"postgresql://app:sesame@127.0.0.1:{server.port}/absent_test", "--json")
    assert cli("status", *there).document["summary"]["pending"] == 1
    assert cli("migrate", "--wait-for-server", "60", *there).exit_code == 0
    assert cli("status", *there).document["summary"]["applied"] == 1
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("DROP DATABASE absent_test")


def test_a_database_that_is_full_is_waited_for(cli, write, speaking):
    server, cluster = speaking
    write(**FILES)
    url = f"postgresql://app:sesame@127.0.0.1:{server.port}/full_test"
    with refusals_logged(cluster) as codes:
        error = cli("status", "--wait-for-server", "0.3", "--json", "--database-url", url).document["error"]
    assert error["sqlstate"] == "53300"
    assert len(codes) > 1


@pytest.mark.parametrize(
    ("database", "code", "hint"),
    [("private_test", "connection_failed", "GRANT CONNECT"), ("closed_test", "connection_failed", "ALLOW_CONNECTIONS")],
)
def test_the_catalog_gives_the_reason_where_pgbouncer_hides_the_code(cli, write, speaking, database, code, hint):
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed")
    server, _ = speaking
    write(**FILES)
    upstream = Target("postgres", "app", "127.0.0.1", str(server.port), "sesame")
    with pooler_to(upstream) as pooler:
        url = f"postgresql://app@127.0.0.1:{pooler.port}"
        error = cli("status", "--json", "--database-url", f"{url}/{database}").document["error"]
        assert (error["code"], hint in error["hint"]) == (code, True), error
        assert cli("status", "--json", "--database-url", f"{url}/absent_test").document["summary"]["pending"] == 1
