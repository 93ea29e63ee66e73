"""The options that many commands share, as data."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from fowergram_db.cli.log import LogFormat


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


JSON = Annotated[
    bool, option("Print one JSON document on stdout, also if the command fails.", "--json", variable="FOWERGRAM_JSON")
]
DRY_RUN = Annotated[
    bool,
    option(
        "Change nothing: print what would run, on stdout, as a script for psql.",
        "--dry-run",
        variable="FOWERGRAM_DRY_RUN",
    ),
]
SHOW_SECRETS = Annotated[
    bool,
    option(
        "With --dry-run: print the passwords that the files contain. Without this option, psql variables replace them.",
        "--show-secrets",
        variable="FOWERGRAM_SHOW_SECRETS",
    ),
]
OUTPUT = {
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
            "Log each statement that is sent to the server, and how long it took. Given twice (-vv): its SQL as well, "
            "with secrets masked.",
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
CONNECTION = {
    "database_url": Annotated[
        str | None,
        option(
            "postgresql://USER@HOST:PORT/DATABASE, or embedded: for the PostgreSQL server of the `embedded` extra, "
            "which is also used if no option or variable names a database. --host, --port, --dbname and --user "
            "override the parts of the URL. Other users of the machine can see a password given here, but not one in "
            "the variable DATABASE_URL.",
            "--database-url",
            variable="DATABASE_URL",
            metavar="URL",
        ),
    ],
    "host": Annotated[
        str | None,
        option(
            "Host name, or directory of a Unix socket.  [default: localhost]",
            "--host",
            variable="DB_HOST",
            metavar="HOST",
        ),
    ],
    "port": Annotated[
        str | None, option("Port of the server.  [default: 5432]", "--port", variable="DB_PORT", metavar="PORT")
    ],
    "dbname": Annotated[
        str | None,
        option("Name of the database.  [default: fowergram]", "--dbname", variable="DB_NAME", metavar="NAME"),
    ],
    "user": Annotated[
        str | None,
        option(
            "Role to connect as. Its password comes from DB_PASSWORD, the URL or ~/.pgpass.  [default: postgres]",
            "--user",
            variable="DB_USER",
            metavar="USER",
        ),
    ],
    "wait_for_server": Annotated[
        float,
        option(
            "Seconds to wait for the server to accept connections; 0 = try once.  [default: 0]",
            "--wait-for-server",
            variable="FOWERGRAM_WAIT_FOR_SERVER",
            metavar="SECONDS",
            min=0,
            callback=_finite,
        ),
    ],
}
VARIABLES = {
    "env_file": Annotated[
        Path | None,
        option(
            "File with lines VARIABLE=VALUE, for DB_PASSWORD and the variables that this help shows. Exported "
            "variables override it.  [default: .env, if it exists]",
            "--env-file",
            variable="FOWERGRAM_ENV_FILE",
            metavar="FILE",
        ),
    ],
}
WAIT_POLICY = {
    "wait": Annotated[
        float,
        option(
            "Seconds to wait while another process migrates the database; 0 = do not wait. Then the exit code is 5.  "
            "[default: 60]",
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
            "How long a statement may wait for a lock before the migration is rolled back and retried, such as 500ms "
            "or 2s; 0 = no limit.  [default: 5s]",
            "--lock-timeout",
            variable="FOWERGRAM_LOCK_TIMEOUT",
            metavar="DURATION",
        ),
    ],
    "lock_retries": Annotated[
        int,
        option(
            "How often a migration that could not acquire a lock is retried, after growing pauses. Then the exit code "
            "is 5.  [default: 10]",
            "--lock-retries",
            variable="FOWERGRAM_LOCK_RETRIES",
            metavar="N",
            min=0,
        ),
    ],
    "statement_timeout": Annotated[
        str | None,
        option(
            "How long a statement may run, such as 30s or 10min; 0 = no limit. Without this option, the limit of the "
            "role, database or server applies.",
            "--statement-timeout",
            variable="FOWERGRAM_STATEMENT_TIMEOUT",
            metavar="DURATION",
        ),
    ],
}
FILES = {
    "migrations_dir": Annotated[
        list[str] | None,
        option(
            "Directory of the migration files. Can be given several times; the variable joins directories by a colon. "
            "packaged: stands for the migrations of Fowergram, which are inside the package.  [default: packaged:]",
            "--migrations-dir",
            variable="MIGRATIONS_DIR",
            metavar="DIR",
        ),
    ],
}
DEFAULTS: dict[str, Any] = {
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
