"""One run of a command: its settings, target and screen, and the place where every error is handled."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fowergram_db.cli.explanations import Unexpected, explain, output_lost
from fowergram_db.cli.json_document import target_data
from fowergram_db.cli.log import LogLevel, LogSettings
from fowergram_db.cli.loggers import logging_to
from fowergram_db.cli.render import Screen
from fowergram_db.database.target import Target
from fowergram_db.errors import ConfigurationError, ExitCode, FowergramError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from fowergram_db.database.connection import Connection
    from fowergram_db.migrations.engine.context import WaitPolicy
    from fowergram_db.migrations.files.choice import DirectoryChoice
    from fowergram_db.migrations.files.directory import MigrationFile


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of the shared options.

    ``typed`` holds the connection options given on the command line itself, ``on_command_line`` the names of the
    command's own options given there. ``env_file`` holds the variables of the env file, ``arguments`` is the whole
    command line.
    """

    typed: Mapping[str, str | None] = field(repr=False)
    on_command_line: frozenset[str]
    env_file: Mapping[str, str] = field(repr=False)
    migrations_dirs: tuple[str, ...]
    json: bool
    no_color: bool
    debug: bool = False
    wait_for_server_s: float = 0.0
    wait_policy: Mapping[str, Any] = field(default_factory=dict)
    arguments: Sequence[str] = field(default=(), repr=False)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: its own part of the JSON document, and its exit code."""

    data: Mapping[str, Any] = field(default_factory=dict)
    exit_code: ExitCode = ExitCode.DONE


class CommandContext:
    """What a command works with. ``data`` collects its part of the JSON document, which is printed if it fails, too."""

    def __init__(self, settings: Settings, screen: Screen) -> None:
        self.settings = settings
        self.screen = screen
        self.data: dict[str, Any] = {}
        self.target: Target | None = None
        self.server_version: str | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the env file, overridden by exported ones."""
        return {**self.settings.env_file, **{name: value for name, value in os.environ.items() if value.strip()}}

    @cached_property
    def directories(self) -> "DirectoryChoice":
        """The directories of the migrations. Raises ConfigurationError if they are named wrongly."""
        from fowergram_db.migrations.files.choice import choose_directories

        return choose_directories(self.settings.migrations_dirs, os.environ, self.settings.env_file)

    def read_files(self) -> "tuple[MigrationFile, ...]":
        """Read the migration files. Called before the tool connects, so that their faults are found first."""
        from fowergram_db.migrations.files.choice import read_chosen, unread_folders

        self.name_unused()
        files = read_chosen(self.directories)
        for folder in unread_folders(self.directories, files):
            self.screen.note(f"{folder} also contains migrations, and is not read: name it with --migrations-dir.")
        return files

    def name_unused(self) -> None:
        """Name on stderr the migrations here that are not used, if no option or variable names a directory."""
        from fowergram_db.migrations.files.choice import unused_directories

        for unused in unused_directories(self.directories):
            self.screen.note(
                f"{unused} contains migrations, and is not used: name it with --migrations-dir {unused} (or "
                "MIGRATIONS_DIR), or the migrations inside the package, which are used now, with "
                "--migrations-dir packaged:."
            )

    @property
    def is_assumed(self) -> bool:
        """Return whether no option or variable names the migrations, so that those of the package are used."""
        return not self.directories.is_named

    def directory(self) -> "Path":
        """Return the one directory of the migrations. Raises UsageError if there are several."""
        self.name_unused()
        if len(self.directories.paths) > 1:
            raise UsageError(
                f"there are several directories of migrations: {self.directories}",
                hint="Name the directory for the new files with --migrations-dir.",
            )
        return self.directories.paths[0]

    def migrations_named(self) -> str | None:
        """Name the directories for a person or a program, None if they are not known."""
        try:
            return str(self.directories)
        except ConfigurationError:
            return None

    @contextmanager
    def reached(self) -> Iterator[Target]:
        """Decide the target and yield it, with its server running and accepting connections."""
        from fowergram_db.database.connection import await_server, started
        from fowergram_db.database.embedded import is_available
        from fowergram_db.database.environment import libpq_settings
        from fowergram_db.database.target import resolve_target

        self.target = resolve_target(
            self.settings.typed,
            os.environ,
            self.settings.env_file,
            libpq=libpq_settings,
            embedded_available=is_available(),
        )
        if self.target.assumed:
            self.screen.note("No database is configured: using the embedded PostgreSQL (DATABASE_URL names another).")
        with started(self.target) as target:
            self.target = target
            self.screen.target = {
                name: part for name, part in (_target(self) or {}).items() if name != "server_version"
            }
            await_server(target, self.settings.wait_for_server_s)
            yield target

    @property
    def wait_s(self) -> float:
        """How long the run waits for another migrator, in seconds."""
        return float(self.settings.wait_policy["wait"])

    def wait_policy(self) -> "WaitPolicy":
        """Return how long the run waits for locks. Raises UsageError for a value that is not a duration."""
        from fowergram_db.migrations.engine.context import LockPolicy, WaitPolicy

        given = self.settings.wait_policy
        lock_ms = duration_ms("--lock-timeout", given["lock_timeout"])
        statement = given["statement_timeout"]
        statement_ms = None if statement is None else duration_ms("--statement-timeout", statement)
        return WaitPolicy(self.wait_s, LockPolicy(lock_ms, given["lock_retries"], statement_ms))

    def connect(self, target: Target) -> "Connection":
        """Connect to the target, and note the server's version for the JSON document."""
        from fowergram_db.database.connection import connect_safely, server_version

        connection = connect_safely(target)
        self.server_version = server_version(connection)
        return connection

    @contextmanager
    def administer(self, target: Target) -> "Iterator[Connection]":
        """Connect to a maintenance database of the target's server, and note the server's version."""
        from fowergram_db.database.connection import maintenance_connection, server_version

        with maintenance_connection(target, also=target.dbname) as connection:
            self.server_version = server_version(connection)
            yield connection

    def confirm(self, what: str, name: str = "") -> bool:
        """Ask whether to do ``what``. The user confirms it by typing the name of the database, or ``name`` instead."""
        assert self.target is not None  # noqa: S101 - nothing is confirmed before there is a target
        wanted = name or self.target.dbname
        return self.screen.ask(f'This would {what}. Type "{wanted}" to continue: ') == wanted

    def announce(self, what: str = "") -> None:
        """Name on stderr the database, or ``what`` instead, that is going to be written to, and the migrations."""
        named = self.migrations_named()
        text = f"Target: {what or self.target}" + (f", migrations: {named}" if named else "")
        self.screen.note(text, event="target")


def duration_ms(option: str, text: str) -> int:
    """Parse the value of an option as a duration, in ms. Raises UsageError if it is not a duration."""
    from fowergram_db.migrations.files.directives import DURATION_HINT, milliseconds

    found = milliseconds(text)
    if found is None:
        raise UsageError(f"{option}: {text!r} is not a duration", hint=DURATION_HINT)
    return found


def run_command(name: str, settings: Settings, body: Callable[[CommandContext], CommandResult]) -> int:
    """Run the body of a command and return its exit code. All errors are shown here and nowhere else."""
    screen = Screen.for_process(json=settings.json, no_color=settings.no_color, log=settings.log)
    context = CommandContext(settings, screen)
    try:
        with screen, logging_to(screen, settings.log):
            outcome = body(context)
        data = {**_named(context), **context.data, **outcome.data}
        screen.document(name, _target(context), data, None)
        screen.summarize(name, str(context.target or ""), data, None)
        screen.flush()
        _require_written(screen)
    except BaseException as error:  # noqa: BLE001 - every error ends here
        if settings.debug:
            show_traceback(screen, error, settings.arguments)
        data = {**_named(context), **context.data}
        return fail(screen, name, explain(error), _target(context), data, arguments=settings.arguments)
    return outcome.exit_code


def _require_written(screen: Screen) -> None:
    if screen.lost:
        raise output_lost(screen.lost)


def fail(
    screen: Screen,
    command: str,
    error: FowergramError,
    target: Mapping[str, Any] | None,
    data: Mapping[str, Any] | None = None,
    *,
    arguments: Sequence[str] = (),
) -> int:
    """Show an error, as text and with --json as JSON, and return its exit code."""
    from fowergram_db.cli.arguments import given_values, presentable

    error = presentable(error, given_values(arguments, os.environ))
    screen.error(error)
    screen.document(command, target, data or {}, error)
    named = f'database "{target["database"]}" on {target["host"]}:{target["port"]}' if target else ""
    screen.summarize(command, named, data or {}, error)
    screen.flush()
    return error.exit_code


def show_traceback(screen: Screen, error: BaseException, arguments: Sequence[str]) -> None:
    """Print the traceback of an internal error on stderr, with passwords masked. Other errors have none."""
    from traceback import format_exception

    from fowergram_db.cli.arguments import given_values, may_hold_password, without

    if isinstance(explain(error), Unexpected):
        secretive = filter(may_hold_password, given_values(arguments, os.environ))
        text = without("".join(format_exception(error)).rstrip(), secretive)
        screen.note(text, level=LogLevel.ERROR, event="traceback")


def _named(context: CommandContext) -> Mapping[str, Any]:
    return {"migrations_dir": context.migrations_named()}


def _target(context: CommandContext) -> Mapping[str, Any] | None:
    target = context.target
    if target is None or (target.embedded and not target.host):
        return None
    named = target_data(target.host, target.port, target.dbname, target.user)
    return named | {"server_version": context.server_version}
