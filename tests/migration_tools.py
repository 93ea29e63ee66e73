"""Other migration tools: run what is installed; nothing is fetched here.

``python3 -m tools.npm_packages npm_tools`` fetches those that npm has, and ``apt-get install sql-migrate sqitch
libdbd-pg-perl postgresql-client`` those that Debian has.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from fowergram_db.database.target import Target
from tools.npm_packages import fetched_modules

NPM_PROJECT = "npm_tools"
_TAKES_AT_MOST_S = 60
_DRIZZLE = """
const { drizzle } = require("drizzle-orm/node-postgres");
const { migrate } = require("drizzle-orm/node-postgres/migrator");
const { Client } = require("pg");
(async () => {
  const client = new Client();
  await client.connect();
  try { await migrate(drizzle(client), { migrationsFolder: process.argv[1] }); } finally { await client.end(); }
})();
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A tool that is installed. ``command`` makes the command that applies a directory to a database.

    ``history`` is the table in which it then has what it has applied.
    """

    command: Callable[[Path, Target], list[str]]
    history: str
    modules: Path | None = None

    def apply(self, directory: Path, target: Target) -> None:
        """Apply all migrations of a directory. Raises AssertionError, with what the tool said, where it fails."""
        done = subprocess.run(
            self.command(directory, target),
            cwd=directory,
            env={**_environment(target), **({"NODE_PATH": str(self.modules)} if self.modules else {})},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_TAKES_AT_MOST_S,
        )
        assert done.returncode == 0, done.stdout


def find_program(tool: str) -> Program | None:
    """Return a tool that is installed, or was fetched; None where it is not. Fetches nothing."""
    modules = fetched_modules(NPM_PROJECT)
    match tool:
        case "sqitch" if shutil.which("sqitch") and shutil.which("psql") and _perl_has("DBD::Pg"):
            return Program(_sqitch, "sqitch.changes")
        case "sql-migrate" if shutil.which("sql-migrate"):
            return Program(_sql_migrate, "public.gorp_migrations")
        case "dbmate" if modules:
            program = modules / "@dbmate/linux-x64/bin/dbmate"
            options = ["--no-dump-schema", "--migrations-dir", "."]
            return Program(
                lambda _, target: [str(program), "--url", _url(target), *options, "up"], "public.schema_migrations"
            )
        case "node-pg-migrate" if modules and shutil.which("node"):
            program = modules / "node-pg-migrate/bin/node-pg-migrate.js"
            return Program(
                lambda directory, _: ["node", str(program), "up", "--migrations-dir", str(directory)],
                "public.pgmigrations",
                modules,
            )
        case "drizzle" if modules and shutil.which("node"):
            return Program(
                lambda directory, _: ["node", "-e", _DRIZZLE, str(directory)], "drizzle.__drizzle_migrations", modules
            )
        case _:
            return None


def _perl_has(module: str) -> bool:
    return subprocess.run(["perl", f"-M{module}", "-e", "1"], check=False, capture_output=True).returncode == 0


def _sqitch(_directory: Path, target: Target) -> list[str]:
    return ["sqitch", "deploy", "--no-verify", f"db:pg:{target.dbname}"]


def _sql_migrate(directory: Path, target: Target) -> list[str]:
    """Write the configuration next to the migrations: the tool takes no other than a file."""
    parts = {"host": target.host, "port": target.port, "dbname": target.dbname, "user": target.user}
    source = " ".join(f"{name}={value}" for name, value in (parts | {"sslmode": "disable"}).items())
    file = directory.with_name("dbconfig.yml")
    file.write_text(
        json.dumps({"development": {"dialect": "postgres", "datasource": source, "dir": str(directory)}}), "utf-8"
    )
    return ["sql-migrate", "up", f"-config={file}"]


def _url(target: Target) -> str:
    parts = {"host": target.host, "port": target.port, "user": target.user, "sslmode": "disable"}
    return f"postgres:///{quote(target.dbname)}?{urlencode(parts)}"


def _environment(target: Target) -> Mapping[str, str]:
    """Return what libpq and its likes read, and the names that sqitch writes into its history."""
    names = {"PGHOST": target.host, "PGPORT": target.port, "PGDATABASE": target.dbname, "PGUSER": target.user}
    password = {"PGPASSWORD": target.password} if target.password else {}
    person = {"SQITCH_FULLNAME": "Ann", "SQITCH_EMAIL": "ann@example.org"}
    return os.environ | names | password | person
