"""The options that many commands share, and the decorator that gives them to a command."""

import inspect
import math
import os
from collections.abc import Callable, Mapping
from enum import StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from fowergram_db.cli.log import LogFormat, LogSettings, log_settings

if TYPE_CHECKING:
    from fowergram_db.cli.context import CommandResult

Body = Callable[..., "CommandResult"]


def option(help_text: str, *names: str, variable: str = "", **more: Any) -> Any:  # noqa: ANN401 - Typer's own type
    """Declare an option. The help shows its environment variable, if it has one."""
    return typer.Option(
        *names, help=help_text, envvar=variable or None, show_default=more.pop("show_default", False), **more
    )


def _finite(seconds: float) -> float:
    """Refuse what Python reads as a number but is no number of seconds: nan, inf, 1e999."""
    if not math.isfinite(seconds):
        raise typer.BadParameter("this is not a number of seconds")
    return seconds


JSON = Annotated[bool, option("Print one JSON document on stdout.", "--json", variable="FOWERGRAM_JSON")]
DRY_RUN = Annotated[
    bool, option("Print the SQL that would run, and run nothing.", "--dry-run", variable="FOWERGRAM_DRY_RUN")
]
SHOW_SECRETS = Annotated[
    bool,
    option(
        "With --dry-run: print the passwords in scripts, in place of psql variables.",
        "--show-secrets",
        variable="FOWERGRAM_SHOW_SECRETS",
    ),
]
_ENV_FILE = "fowergram_db.env_file"
_OUTPUT = {
    "json": JSON,
    "no_color": Annotated[bool, option("Use no colours.  [env var: NO_COLOR]", "--no-color")],
    "debug": Annotated[
        bool, option("Print the traceback of an internal error.", "--debug", variable="FOWERGRAM_DEBUG")
    ],
    "quiet": Annotated[
        bool, option("Write nothing but errors to stderr.", "--quiet", "-q", variable="FOWERGRAM_QUIET")
    ],
    "verbose": Annotated[
        int,
        option(
            "Log each statement that is sent to the server, and how long it took. Given twice: its SQL as well, with "
            "secrets masked.",
            "--verbose",
            "-v",
            variable="FOWERGRAM_VERBOSE",
            count=True,
            min=0,
        ),
    ],
    "log_format": Annotated[
        LogFormat,
        option(
            "Format of what is written to stderr; json is one object a line.  [default: text]",
            "--log-format",
            variable="FOWERGRAM_LOG_FORMAT",
        ),
    ],
}
_CONNECTION = {
    "database_url": Annotated[
        str | None,
        option(
            "postgresql://USER@HOST:PORT/DATABASE, or embedded: for the PostgreSQL server of the `embedded` extra. "
            "Other users of the machine can see a password given here, but not one in the variable DATABASE_URL.",
            "--database-url",
            variable="DATABASE_URL",
            metavar="URL",
        ),
    ],
    "host": Annotated[
        str | None, option("Host name, or directory of a Unix socket.", "--host", variable="DB_HOST", metavar="HOST")
    ],
    "port": Annotated[str | None, option("Port of the server.", "--port", variable="DB_PORT", metavar="PORT")],
    "dbname": Annotated[str | None, option("Name of the database.", "--dbname", variable="DB_NAME", metavar="NAME")],
    "user": Annotated[
        str | None,
        option(
            "Role to connect as. Its password comes from DB_PASSWORD, the URL or ~/.pgpass.",
            "--user",
            variable="DB_USER",
            metavar="USER",
        ),
    ],
    "wait_for_server": Annotated[
        float,
        option(
            "Seconds to wait for the server to accept connections.  [default: 0]",
            "--wait-for-server",
            variable="FOWERGRAM_WAIT_FOR_SERVER",
            metavar="SECONDS",
            min=0,
            callback=_finite,
        ),
    ],
}
_VARIABLES = {
    "env_file": Annotated[
        Path | None,
        option(
            "File that sets variables of options. Exported variables override it.  [default: .env]",
            "--env-file",
            variable="FOWERGRAM_ENV_FILE",
            metavar="FILE",
        ),
    ],
}
_WAIT_POLICY = {
    "wait": Annotated[
        float,
        option(
            "Seconds to wait for another migrator to finish.  [default: 60]",
            "--wait",
            variable="FOWERGRAM_WAIT",
            metavar="SECONDS",
            min=0,
            callback=_finite,
        ),
    ],
    "lock_timeout": Annotated[
        str,
        option(
            "How long a statement may wait for a lock before the migration is rolled back and retried; 0 = no limit.  "
            "[default: 5s]",
            "--lock-timeout",
            variable="FOWERGRAM_LOCK_TIMEOUT",
            metavar="DURATION",
        ),
    ],
    "lock_retries": Annotated[
        int,
        option(
            "How often a migration is retried that could not acquire a lock.  [default: 10]",
            "--lock-retries",
            variable="FOWERGRAM_LOCK_RETRIES",
            metavar="N",
            min=0,
        ),
    ],
    "statement_timeout": Annotated[
        str | None,
        option(
            "How long a statement may run. Without it, the server's own limit applies.",
            "--statement-timeout",
            variable="FOWERGRAM_STATEMENT_TIMEOUT",
            metavar="DURATION",
        ),
    ],
}
_FILES = {
    "migrations_dir": Annotated[
        list[str] | None,
        option(
            "Directory of the migration files; can be given several times. packaged: stands for Fowergram's own, which "
            "are inside the package.  [default: packaged:]",
            "--migrations-dir",
            variable="MIGRATIONS_DIR",
            metavar="DIR",
        ),
    ],
}
_DEFAULTS: dict[str, Any] = {
    "json": False,
    "no_color": False,
    "debug": False,
    "quiet": False,
    "verbose": 0,
    "log_format": LogFormat.TEXT,
    "wait_for_server": 0.0,
    "wait": 60.0,
    "lock_timeout": "5s",
    "lock_retries": 10,
}
_PLAIN = inspect.Parameter.POSITIONAL_OR_KEYWORD
PARTS = ("database_url", "host", "port", "dbname", "user")


class _Command(TyperCommand):
    """A command that refuses a second value of an option, and reads variables of options from the env file.

    With two values, the wrong database might be used.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer keeps the type to itself
        """Refuse a second value of an option, read the env file, then parse as any command does."""
        values, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in set(given):
            is_flag = getattr(parameter, "is_flag", False) or getattr(parameter, "count", False)
            takes_value = parameter.param_type_name == "option" and not is_flag
            if takes_value and not parameter.multiple and given.count(parameter) > 1:
                ctx.fail(f"Option '{parameter.opts[0]}' is given more than once.")
        if "help" not in values:
            ctx.meta[_ENV_FILE] = found = _env_file(values.get("env_file") or os.environ.get("FOWERGRAM_ENV_FILE"))
            single = (parameter for parameter in self.params if not getattr(parameter, "multiple", False))
            variables = {parameter.name: str(getattr(parameter, "envvar", "")) for parameter in single}
            ctx.default_map = {name: found[variable] for name, variable in variables.items() if variable in found}
        return super().parse_args(ctx, args)


def _env_file(named: str | None) -> Mapping[str, str]:
    from fowergram_db.database.environment import read_env_file
    from fowergram_db.errors import ConfigurationError

    found = read_env_file(Path(named) if named else None)
    if "FOWERGRAM_ENV_FILE" in found:
        raise ConfigurationError(
            "the env file names another env file (FOWERGRAM_ENV_FILE)",
            hint="Remove that line: one env file is read, the one that --env-file or FOWERGRAM_ENV_FILE names.",
        )
    return found


class Needs(StrEnum):
    """What a command works on. This decides which of the shared options it has."""

    DATABASE = auto()
    FILES = auto()
    BOTH = auto()
    MIGRATION_LOCK = auto()


def command(app: typer.Typer, *names: str, needs: Needs, examples: str, group: str = "") -> Callable[[Body], Body]:
    """Register a command under its names. The help lists the first of them only.

    ``group`` is the command that it is a subcommand of. The body takes a context first, then its own options, and
    returns a result. The shared options are added after its own, and reach it as the context.
    """

    def register(body: Body) -> Body:
        invoke = _with_shared_options(f"{group} {names[0]}".strip(), body, _shared(needs))
        for at, name in enumerate(names):
            app.command(name, cls=_Command, epilog=f"\b\nExamples:\n{examples}", hidden=at > 0)(invoke)
        return body

    return register


def _shared(needs: Needs) -> dict[str, Any]:
    match needs:
        case Needs.DATABASE:
            return _CONNECTION | _VARIABLES | _OUTPUT
        case Needs.FILES:
            return _FILES | _VARIABLES | _OUTPUT
        case Needs.BOTH:
            return _FILES | _CONNECTION | _VARIABLES | _OUTPUT
        case Needs.MIGRATION_LOCK:
            return _WAIT_POLICY | _FILES | _CONNECTION | _VARIABLES | _OUTPUT


def _with_shared_options(name: str, body: Body, shared: dict[str, Any]) -> Callable[..., int]:
    hints = get_type_hints(body, include_extras=True)
    own = list(inspect.signature(body).parameters.values())[1:]
    own = [parameter.replace(annotation=hints[parameter.name]) for parameter in own]

    def invoke(ctx: typer.Context, **values: Any) -> int:  # noqa: ANN401 - each option has its own type
        from fowergram_db.cli.context import Settings, run_command

        given = {option_name: values.pop(option_name, None) for option_name in shared}
        settings = Settings(
            typed={part: given.get(part) for part in PARTS if _is_typed(ctx, part)},
            on_command_line=frozenset(name for name in values if _is_typed(ctx, name)),
            env_file=ctx.meta[_ENV_FILE],
            migrations_dirs=tuple(given.get("migrations_dir") or ()) if _is_typed(ctx, "migrations_dir") else (),
            wait_for_server_s=given.get("wait_for_server") or 0.0,
            wait_policy={name: given[name] for name in _WAIT_POLICY if name in given},
            json=given["json"],
            no_color=given["no_color"] or "NO_COLOR" in ctx.meta[_ENV_FILE],
            debug=given["debug"],
            arguments=ctx.find_root().obj or (),
            log=_log(ctx, given),
        )
        return run_command(name, settings, lambda context: body(context, **values))

    parameters = [
        inspect.Parameter("ctx", _PLAIN, annotation=typer.Context),
        *own,
        *(
            inspect.Parameter(name, _PLAIN, default=_DEFAULTS.get(name), annotation=kind)
            for name, kind in shared.items()
        ),
    ]
    invoke.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    invoke.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    invoke.__doc__ = body.__doc__
    return invoke


def _log(ctx: typer.Context, given: Mapping[str, Any]) -> LogSettings:
    """Return what the options of the log say. Of -q and -v, the command line's goes before what a variable says."""
    quiet, verbose = given["quiet"], given["verbose"]
    if quiet and verbose and (_is_typed(ctx, "quiet") == _is_typed(ctx, "verbose")):
        raise typer.BadParameter("-q and -v exclude each other: give one of them", ctx=ctx)
    if quiet and verbose:
        quiet, verbose = _is_typed(ctx, "quiet"), verbose if _is_typed(ctx, "verbose") else 0
    return log_settings(LogFormat(given["log_format"]), verbose, quiet=quiet)


def _is_typed(ctx: typer.Context, name: str) -> bool:
    """Return whether an option was given on the command line. Typer merges the environment into its value."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
