"""What stderr holds, and how: as text for a person, or as JSON for a collector, one object a line."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

from fowergram_db.cli.json_document import json_text

_MOVABLE = ("-q", "--quiet", "-v", "--verbose")
_FORMAT = "--log-format"


class LogFormat(StrEnum):
    """How stderr is written."""

    TEXT = "text"
    JSON = "json"


class Verbosity(IntEnum):
    """What stderr holds: errors; also notes and progress; also statements; also their SQL."""

    QUIET = -1
    NORMAL = 0
    STATEMENTS = 1
    SQL = 2


class LogLevel(StrEnum):
    """How much a line of the log matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the options of the log say."""

    format: LogFormat = LogFormat.TEXT
    verbosity: Verbosity = Verbosity.NORMAL

    @property
    def is_json(self) -> bool:
        """Return whether each line is a JSON object."""
        return self.format is LogFormat.JSON

    def shows(self, level: LogLevel) -> bool:
        """Return whether lines of this level are shown."""
        return self.verbosity is not Verbosity.QUIET or level is LogLevel.ERROR


def log_settings(log_format: LogFormat, verbose: int, *, quiet: bool) -> LogSettings:
    """Return the settings of the log options. More than two -v are the same as two."""
    verbosity = Verbosity.QUIET if quiet else Verbosity(min(verbose, Verbosity.SQL))
    return LogSettings(log_format, verbosity)


def settings_of(arguments: Sequence[str], in_file: Mapping[str, object]) -> LogSettings:
    """Return the log settings of a command line that could not be parsed; ``in_file`` are options of the env file.

    >>> settings_of(["status", "--log-format=json", "--wrong"], {}).format.name
    'JSON'
    """
    pairs = zip(arguments, (*arguments[1:], ""), strict=True)
    typed = (value if name == _FORMAT else name.removeprefix(f"{_FORMAT}=") for name, value in pairs if _FORMAT in name)
    given = next(typed, "") or os.environ.get("FOWERGRAM_LOG_FORMAT") or str(in_file.get("log_format", ""))
    return LogSettings(LogFormat.JSON if given == LogFormat.JSON else LogFormat.TEXT)


def move_log_options(arguments: Sequence[str], groups: Sequence[str]) -> Sequence[str]:
    """Move log options that precede a command so that they follow it. ``groups`` are commands with subcommands.

    >>> move_log_options(["-v", "--log-format", "json", "testdb", "list", "--json"], ["testdb"])
    ['testdb', 'list', '-v', '--log-format', 'json', '--json']
    >>> move_log_options(["-v"], []), move_log_options(["--json", "status"], [])
    (['-v'], ['--json', 'status'])
    """
    moved, rest = _leading(arguments)
    command, rest = rest[:1], rest[1:]
    if command and command[0] in groups:
        between, rest = _leading(rest)
        moved, command, rest = [*moved, *between], [*command, *rest[:1]], rest[1:]
    if not moved or not command or any(word.startswith("-") for word in command):
        return arguments
    return [*command, *moved, *rest]


def _leading(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split arguments after the log options that they begin with."""
    at = 0
    while at < len(arguments) and _is_movable(arguments[at]):
        at += 2 if arguments[at] == _FORMAT else 1
    return list(arguments[:at]), list(arguments[at:])


def _is_movable(argument: str) -> bool:
    is_short = argument[:1] == "-" and bool(argument[1:]) and not set(argument[1:]) - set("qv")
    return is_short or argument in _MOVABLE or argument == _FORMAT or argument.startswith(f"{_FORMAT}=")


def json_line(
    level: LogLevel, event: str, target: Mapping[str, Any] | None, fields: Mapping[str, Any], encoding: str
) -> str:
    """Return an object of the log, on one line."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    whole = {"timestamp": now, "level": str(level), "event": event, "target": target, **fields}
    return json_text(whole, encoding)
