"""Measure how fast a test suite gets a fresh database, compared with plain SQL and with a tool that replays migrations.

``python -m benchmarks.testdb`` measures on a server of its own that writes to a real disk, prints tables, and writes
them into ``benchmarks/README.md``. Within a round the candidates take turns; the medians count.
"""

import argparse
import compileall
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import fowergram_db
import psycopg
from benchmarks.peers import Workplace, dbmate, own, write_table
from fowergram_db.database.sql import shipped_migrations
from fowergram_db.migrations.files.directory import read_migrations
from tools.servers import started

_MORE = 500
_MARKS = ("<!-- test databases: begin -->", "<!-- test databases: end -->")
_SETTINGS = {
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "shared_preload_libraries": "pg_stat_statements",
    "autovacuum": "off",
}
_SUITE = Path(__file__).with_name("suite")
_RAW = "raw"
_ROWS = "INSERT INTO hashtags (name) VALUES ('a'), ('b')"
_DDL = "CREATE TABLE stray (id int)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Commands to measure together; ``harm`` is run in the database before."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    url: str
    harm: str


def main(given: Sequence[str]) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.testdb", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--place", type=Path, default=Path("/var/tmp"), help="where the server has its data")  # noqa: S108
    parser.add_argument("--fsync", choices=("on", "off"), default="on", help="off: print, and write nothing")
    options = parser.parse_args(given)
    settings = _SETTINGS | {"fsync": options.fsync}
    with (
        tempfile.TemporaryDirectory(prefix="fowergram-db-testdb-") as directory,
        started(18, settings, options.place) as server,
    ):
        work = Workplace(Path(directory), server)
        _write_files(work)
        # As pip does when it installs.
        compileall.compile_dir(Path(fowergram_db.__file__).parent, quiet=1)
        table = "".join(_tables(work, options.rounds))
    sys.stdout.write(table)
    if options.fsync == "on":
        write_table(table, _MARKS)
    return 0


def _tables(work: Workplace, rounds: int) -> Iterator[str]:
    fsync = _asked(work, "SHOW fsync")
    yield f"Medians of {rounds} rounds on {os.cpu_count()} cores, PostgreSQL 18, `fsync` {fsync}.\n"
    for title, files in (("Fowergram's five migrations", "five"), (f"{_MORE} further migrations", "more")):
        figures = _measure(work, tuple(_candidates(work, files)), rounds)
        rows = "".join(f"| {name} | {whole:.0f} | {server:.0f} |\n" for name, (whole, server) in figures.items())
        yield f"\n| {title} | whole command, ms | server, ms |\n|---|--:|--:|\n{rows}"
    in_one = _in_one_process(work, rounds)
    rows = "".join(f"| {name} | {ms:.1f} | {ms / in_one[_RAW]:.2f} |\n" for name, ms in in_one.items())
    yield f"\n| one pytest process, five migrations | setup and cleanup, ms | relative to raw |\n|---|--:|--:|\n{rows}"


def _candidates(work: Workplace, files: str) -> Iterator[Candidate]:
    database = f"bench_{files}_test"
    reset = own(work, "reset", database, files)
    subprocess.run(reset, check=True, cwd=work.directory, capture_output=True)
    newest = "SELECT datname FROM pg_database WHERE datname ~ '^fowergram_template_' ORDER BY oid DESC LIMIT 1"
    template = _asked(work, newest)
    if files == "five":
        raw = f"raw_{files}_test"
        _asked(work, f"CREATE DATABASE {raw}")
        drop, create = f"DROP DATABASE {raw}", f"CREATE DATABASE {raw} TEMPLATE {template}"
        command = ("psql", "-qX", "-c", drop, "-c", create, work.server.url)
        yield Candidate("`DROP DATABASE`, `CREATE DATABASE … TEMPLATE` by psql", (command,), work.url(raw), "")
    yield Candidate("`fowergram-db reset`, the tests have changed the schema", (reset,), work.url(database), _DDL)
    yield Candidate("`fowergram-db reset`, the tests have written rows", (reset,), work.url(database), _ROWS)
    by_dbmate = f"dbmate_{files}_test"
    _asked(work, f"CREATE DATABASE {by_dbmate}")
    replay = (
        dbmate(work),
        "--url",
        f"{work.url(by_dbmate)}?sslmode=disable",
        "-d",
        f"dbmate_{files}",
        "--no-dump-schema",
    )
    yield Candidate("`dbmate drop`, `dbmate up`", ((*replay, "drop"), (*replay, "up")), work.url(by_dbmate), "")


def _write_files(work: Workplace) -> None:
    """Write the same migrations for both tools."""
    shipped = read_migrations(shipped_migrations())
    texts = {file.version: file.up.text for file in shipped}
    steps = Path(__file__).with_name("grown.sql").read_text(encoding="utf-8").split("-- migration\n")[1:]
    more = {
        len(shipped) + 1 + number: steps[number % len(steps)].replace("%TABLE%", f"shop_{number // len(steps)}")
        for number in range(_MORE)
    }
    for name, scripts in (("five", texts), ("more", texts | more)):
        (work.directory / name).mkdir()
        (work.directory / f"dbmate_{name}").mkdir()
        for version, text in scripts.items():
            (work.directory / name / f"{version:04}_m.sql").write_text(text, encoding="utf-8")
            marked = f"-- migrate:up\n{text}\n-- migrate:down\n"
            (work.directory / f"dbmate_{name}" / f"{version:04}_m.sql").write_text(marked, encoding="utf-8")


def _measure(work: Workplace, candidates: Sequence[Candidate], rounds: int) -> dict[str, tuple[float, float]]:
    """Return for each the median ms of the whole command and of the server; a first round warms up."""
    taken: dict[str, list[tuple[float, float]]] = {candidate.name: [] for candidate in candidates}
    with psycopg.connect(work.server.url, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        for _ in range(rounds + 1):
            # On some file systems, files that were just deleted slow down the next command.
            for candidate in random.sample(candidates, len(candidates)):
                taken[candidate.name].append(_take(work, admin, candidate))
    return {
        name: (statistics.median(w for w, _ in figures[1:]), statistics.median(s for _, s in figures[1:]))
        for name, figures in taken.items()
    }


def _take(work: Workplace, admin: psycopg.Connection, candidate: Candidate) -> tuple[float, float]:
    if candidate.harm:
        with psycopg.connect(candidate.url, autocommit=True) as session:
            session.execute(candidate.harm)
    admin.execute("CHECKPOINT")
    admin.execute("SELECT pg_stat_statements_reset()")
    began = time.perf_counter()
    for command in candidate.commands:
        subprocess.run(command, check=True, cwd=work.directory, capture_output=True)
    whole = (time.perf_counter() - began) * 1000
    # Of statements, not of those within them; the two of ours do not count.
    query = "SELECT sum(total_exec_time + total_plan_time) FROM pg_stat_statements WHERE query !~ 'pg_stat_statements'"
    row = admin.execute(query).fetchone()
    return whole, float(row[0] if row else 0)


def _asked(work: Workplace, statement: str) -> str:
    with psycopg.connect(work.server.url, autocommit=True) as session:
        cursor = session.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return str(row[0]) if row else ""


def _in_one_process(work: Workplace, rounds: int) -> dict[str, float]:
    """Run the fixtures under pytest in turns, each test writing a few rows; return the median ms around a test."""
    figures: dict[str, list[float]] = {}
    result = work.directory / "durations.json"
    # What is emptied and what is rolled back share a database: apart, each pays for itself.
    for options in (
        ("-k", "not transaction"),
        ("-k", "transaction"),
        ("-k", "fowergram_database", "--fowergram-warm=2"),
    ):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rounds", str(rounds), *options]
        variables = os.environ | {"TEST_DATABASE_URL": work.server.url, "DURATIONS": str(result)}
        variables.pop("MIGRATIONS_DIR", None)
        subprocess.run([*command, _SUITE], check=True, cwd=_SUITE, env=variables, stdout=subprocess.DEVNULL)
        for fixture, seconds in json.loads(result.read_text()).items():
            # The first builds, imports and connects.
            name = f"{fixture}, clones ready" if "--fowergram-warm=2" in options else fixture
            figures.setdefault(name, []).extend(seconds[1:])
    return {name: statistics.median(seconds) * 1000 for name, seconds in figures.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
