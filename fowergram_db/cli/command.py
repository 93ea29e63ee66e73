"""Register a command: its own options and the shared ones, which reach it as the context."""

import inspect
import os
from collections.abc import Callable, Mapping
from enum import StrEnum, auto
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer
from typer.core import TyperCommand

from fowergram_db.cli.log import LogFormat, LogSettings, log_settings
from fowergram_db.cli.options import CONNECTION, DEFAULTS, FILES, OUTPUT, VARIABLES, WAIT_POLICY

if TYPE_CHECKING:
    from fowergram_db.cli.context import CommandResult

Body = Callable[..., "CommandResult"]
_ENV_FILE = "fowergram_db.env_file"
_PLAIN = inspect.Parameter.POSITIONAL_OR_KEYWORD
PARTS = ("database_url", "host", "port", "dbname", "user")


class Needs(StrEnum):
    """What a command works on. This decides which of the shared options it has."""

    DATABASE = auto()
    FILES = auto()
    BOTH = auto()
    HISTORY = auto()
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
            return CONNECTION | VARIABLES | OUTPUT
        case Needs.FILES:
            return FILES | VARIABLES | OUTPUT
        case Needs.BOTH:
            return FILES | CONNECTION | VARIABLES | OUTPUT
        case Needs.HISTORY:
            return {"wait": WAIT_POLICY["wait"]} | FILES | CONNECTION | VARIABLES | OUTPUT
        case Needs.MIGRATION_LOCK:
            return WAIT_POLICY | FILES | CONNECTION | VARIABLES | OUTPUT


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
            wait_policy={name: given[name] for name in WAIT_POLICY if name in given},
            json=given["json"],
            no_color=given["no_color"] or "NO_COLOR" in ctx.meta[_ENV_FILE],
            debug=given["debug"],
            arguments=ctx.find_root().obj or (),
            log=_log(ctx, given),
        )
        return run_command(name, settings, partial(body, **values))

    parameters = [
        inspect.Parameter("ctx", _PLAIN, annotation=typer.Context),
        *own,
        *(
            inspect.Parameter(name, _PLAIN, default=DEFAULTS.get(name), annotation=kind)
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
