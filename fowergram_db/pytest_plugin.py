"""Fixtures for test suites: databases with all migrations applied, in the time of a file copy or less.

pytest loads this wherever fowergram-db is installed; what the fixtures need is imported when one is used.
"""

import os
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg
    from _pytest.terminal import TerminalReporter

    from fowergram_db.migrations.files.choice import DirectoryChoice
    from fowergram_db.testdb.suite import Reused
    from fowergram_db.testing import Database, Server, TestDatabases

_FAILED = pytest.StashKey[bool]()
_kept: list[str] = []
_of_server: list[str] = []
_WORKER_KEY = "fowergram_of_server"
_PROPERTY = "fowergram_database_kept"
_OPTIONS = (
    (
        "url",
        "TEST_DATABASE_URL",
        "URL of the server to create databases on; without it, a server in Docker, or the embedded one",
    ),
    (
        "migrations",
        "MIGRATIONS_DIR",
        "directories of migrations, separated by ':'; without it, Fowergram's own (packaged:)",
    ),
    ("image", "TEST_POSTGRES_IMAGE", "image of the server that Docker starts (postgres:18-alpine)"),
    ("keep", "FOWERGRAM_KEEP", "which databases to keep for a day: failed (the default), all, none"),
    ("warm", "FOWERGRAM_WARM", "number of clones to prepare in the background (0)"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, each also as a setting of the ini file and as an environment variable."""
    group = parser.getgroup("fowergram-db", "databases for tests (fowergram-db)")
    for name, variable, explanation in _OPTIONS:
        group.addoption(f"--fowergram-{name}", metavar=name.upper(), help=f"{explanation}  [env var: {variable}]")
        parser.addini(f"fowergram_{name}", explanation, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that mean nothing, before any test runs."""
    if _option(config, "keep", "failed") not in ("failed", "all", "none"):
        raise pytest.UsageError("--fowergram-keep must be failed, all or none")
    if not _option(config, "warm", "0").isdecimal():
        raise pytest.UsageError("--fowergram-warm must be a number of clones, 0 or more")


def _option(config: pytest.Config, name: str, default: str = "") -> str:
    """Return an option: from the command line, else the environment, else the ini file."""
    variable = next(variable for option, variable, _ in _OPTIONS if option == name)
    given = config.getoption(f"fowergram_{name}") or os.environ.get(variable) or config.getini(f"fowergram_{name}")
    return str(given or default)


@pytest.hookimpl(hookwrapper=True)  # which older versions of pytest know, too
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Note whether a test has failed, for the fixtures that are torn down after it."""
    outcome = yield
    if outcome.get_result().failed:
        item.stash[_FAILED] = True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect what was kept; with pytest-xdist the workers' reports arrive here, too."""
    _kept.extend(
        str(value) for name, value in report.user_properties if name == _PROPERTY and report.when == "teardown"
    )


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - its class is that plugin's
    """Collect what the build of a template has reported to a worker."""
    _of_server.extend(getattr(node, "workeroutput", {}).get(_WORKER_KEY, ()))


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """Say which databases were kept, and until when, and what was left out of a template that was built."""
    from fowergram_db.printable import as_message

    if _of_server:
        terminalreporter.section("statements about the whole server (fowergram-db)")
        for line in _of_server:
            terminalreporter.line(as_message(line))
    if _kept:
        terminalreporter.section("databases kept for a day (then `fowergram-db testdb prune` drops them)")
        for line in _kept:
            terminalreporter.line(as_message(line))


@pytest.fixture(scope="session")
def fowergram_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Server]":
    """Give the server that databases are made on: the one that is named, else Docker's, else the embedded one."""
    from fowergram_db.database.environment import read_env_file
    from fowergram_db.database.protection import require_no_production
    from fowergram_db.testdb.server import DEFAULT_IMAGE, server_for_tests

    with _explained():
        environ = {**read_env_file(None), **{name: value for name, value in os.environ.items() if value.strip()}}
        require_no_production(environ, "no test databases are created here")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(pytestconfig, "workerinput") else base
    image = _option(pytestconfig, "image", DEFAULT_IMAGE)
    with _explained(), server_for_tests(_option(pytestconfig, "url") or None, image, shared) as server:
        yield server


@pytest.fixture(scope="session")
def fowergram_suite(pytestconfig: pytest.Config, fowergram_server: "Server") -> "Iterator[TestDatabases]":
    """Give what makes the databases of this process, for fixtures of your own: ``make``, ``discard``, ``keep``."""
    from fowergram_db.migrations.events import Event, RoleCreated, StatementLeftOut
    from fowergram_db.migrations.files.choice import read_chosen
    from fowergram_db.testdb.suite import TestDatabases

    output = getattr(pytestconfig, "workeroutput", {_WORKER_KEY: _of_server})
    told = output.setdefault(_WORKER_KEY, [])

    def listen(event: Event) -> None:
        if isinstance(event, StatementLeftOut | RoleCreated):
            told.append(str(event))

    with _explained():
        files = read_chosen(_directories(pytestconfig))
        suite = TestDatabases(fowergram_server.target, files, int(_option(pytestconfig, "warm", "0")), listen)
    yield suite
    suite.close()


def _directories(config: pytest.Config) -> "DirectoryChoice":
    """Return the directories of the migrations, those that are relative below pytest's root directory.

    Warns if nothing names any, and the root directory has migrations of its own.
    """
    from dataclasses import replace

    from fowergram_db.database.environment import read_env_file
    from fowergram_db.errors import ConfigurationError
    from fowergram_db.migrations.files.choice import PACKAGED, choose_directories, unused_directories
    from fowergram_db.redaction.connection_strings import looks_like_login

    given = config.getoption("fowergram_migrations") or os.environ.get("MIGRATIONS_DIR", "")
    below = read_env_file(None).get("MIGRATIONS_DIR") or str(config.getini("fowergram_migrations"))
    choice = choose_directories((), {"MIGRATIONS_DIR": given}, {"MIGRATIONS_DIR": below})
    if any(looks_like_login(name) and not (config.rootpath / name).is_dir() for name in choice.names):
        raise ConfigurationError(
            "a directory of the migrations looks like a URL, or like a connection string",
            hint="Name a directory: --fowergram-migrations, MIGRATIONS_DIR or fowergram_migrations in the ini file.",
        )
    for unused in unused_directories(choice, config.rootpath):
        warnings.warn(
            f"{unused} contains migrations, and is not used. To use it, name it as fowergram_migrations in the ini "
            "file; to keep those inside fowergram-db, which are used now, write packaged: there",
            pytest.PytestWarning,
            stacklevel=1,
        )
    names = (name if name == PACKAGED else str(config.rootpath / name) for name in choice.names)
    return replace(choice, names=tuple(names))


@pytest.fixture
def fowergram_database(request: pytest.FixtureRequest, fowergram_suite: "TestDatabases") -> "Iterator[Database]":
    """Give a database of the test's own, all migrations applied: ``url``, ``connection``, ``connect()``, ``name``."""
    with _explained():
        database = fowergram_suite.make()
    yield database
    if _is_to_be_kept(request, database):
        fowergram_suite.keep(database)
    else:
        fowergram_suite.discard(database)


@pytest.fixture(scope="session")
def fowergram_session_database(fowergram_suite: "TestDatabases") -> "Iterator[Database]":
    """Give one database to all tests of the process: what a test writes is visible to the next one."""
    with _explained():
        database = fowergram_suite.make()
    yield database
    fowergram_suite.discard(database)


@pytest.fixture(scope="session")
def _fowergram_reused(fowergram_suite: "TestDatabases") -> "Iterator[Reused]":
    from fowergram_db.testdb.suite import Reused

    reused = Reused(fowergram_suite)
    yield reused
    reused.discard()


@pytest.fixture
def fowergram_emptied_database(request: pytest.FixtureRequest, _fowergram_reused: "Reused") -> "Iterator[Database]":
    """Give a database like ``fowergram_database``, in a fraction of the time: that of the test before, emptied.

    If a test has changed more than rows of its own, the next one gets a new clone. Rows are deleted without their
    triggers, which takes a superuser; for other roles each test gets a clone.
    """
    with _explained():
        database = _fowergram_reused.fresh()
    yield database
    if _is_to_be_kept(request, database):
        _fowergram_reused.keep()


@pytest.fixture
def fowergram_transaction(_fowergram_reused: "Reused") -> "Iterator[psycopg.Connection[Any]]":
    """Give a connection to a fresh database, whose transaction is rolled back after the test.

    Sequences keep their values, as after any rollback. If something was committed nevertheless, the database is
    emptied before the next test.
    """
    from psycopg.pq import TransactionStatus

    with _explained():
        database = _fowergram_reused.fresh()
    connection = database.connect()
    began = connection.execute("SELECT pg_catalog.now()").fetchone()
    yield connection
    in_transaction = connection.info.transaction_status == TransactionStatus.INTRANS
    # Still the same transaction: nothing was committed.
    if in_transaction and connection.execute("SELECT pg_catalog.now()").fetchone() == began:
        connection.rollback()
        _fowergram_reused.is_clean = True


def _is_to_be_kept(request: pytest.FixtureRequest, database: "Database") -> bool:
    """Return whether a test's database is to be kept, and note that for the summary."""
    server: Server = request.getfixturevalue("fowergram_server")
    wanted = _option(request.config, "keep", "failed")
    if not server.lasts or wanted == "none" or (wanted == "failed" and not request.node.stash.get(_FAILED, False)):
        return False
    request.node.user_properties.append((_PROPERTY, f"{request.node.nodeid}: {database.description}"))
    return True


@contextmanager
def _explained() -> Iterator[None]:
    """Let an error of the tool end a test with what it says and what to do, and not with a traceback."""
    from fowergram_db.errors import FowergramError
    from fowergram_db.printable import as_message

    try:
        yield
    except FowergramError as error:
        lines = (error.message, str(error.location or ""), error.hint, *getattr(error, "__notes__", ()))
    else:
        return
    pytest.fail("\n".join(map(as_message, filter(None, lines))), pytrace=False)
