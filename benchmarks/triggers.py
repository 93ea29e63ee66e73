"""Measure what the triggers cost for each row of a statement, in statements of few and of many rows.

``python -m benchmarks.triggers`` runs each kind of statement (insert, update of a counted column, update of another
one, delete, truncate) on each table with triggers: over all rows of a database with few rows, then of one with many.
It does so in a new session, and in one that has run the statement for a single row before, and so has planned its
triggers for a single row. A statement is linear if a row costs at most twice as much among many.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from benchmarks.dataset import create_schema, log
from psycopg import sql
from tools.servers import started

_FILES = Path(__file__).with_name("triggers")
_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off"}
_MOST_TIMES = 2.0
_ROUNDS = 3
# The plans of the triggers are made after some runs at the latest.
_RUNS_OF_ONE_ROW = 6


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement over all rows of a table, and one of the same kind over a single row."""

    name: str
    text: str
    of_one_row: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds per row: in a new session, and in a session that has planned the triggers for a single row."""

    new_session: float
    planned_for_one: float


def main(given: Sequence[str]) -> int:
    """Measure and print; return 1 if a statement is not linear."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.triggers", description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=(1000, 64_000), metavar=("FEW", "MANY"))
    parser.add_argument("--only", default="", help="measure only statements whose name contains this text")
    parser.add_argument("--use", metavar="URL", help="a server that runs already, as a superuser")
    parser.add_argument("--most-s", type=int, default=120, help="seconds after which a statement is cancelled")
    options = parser.parse_args(given)
    if options.use:
        return _report(options.use, options)
    with started(18, _SETTINGS, place=Path("/var/tmp")) as server:  # noqa: S108 - not in memory
        return _report(server.url, options)


def _report(url: str, options: argparse.Namespace) -> int:
    few, many = (_costs(url, rows, options) for rows in options.rows)
    names = [f"{rows:,} rows" for rows in options.rows]
    sys.stdout.write(
        f"| µs per row | {names[0]} | {names[1]} | ratio | planned for one: {names[0]} | {names[1]} | ratio |\n"
    )
    sys.stdout.write("|---|--:|--:|--:|--:|--:|--:|\n")
    steep = 0
    for name, large in many.items():
        small = few[name]
        pairs = [(small.new_session, large.new_session), (small.planned_for_one, large.planned_for_one)]
        steep += any(one > _MOST_TIMES * other for other, one in pairs)
        cells = " | ".join(f"{other:.1f} | {one:.1f} | {one / other:.2f}" for other, one in pairs)
        sys.stdout.write(f"| {name} | {cells} |\n")
    sys.stdout.write(f"\n{len(many) - steep} of {len(many)} statements are linear.\n")
    return 1 if steep else 0


def _costs(url: str, rows: int, options: argparse.Namespace) -> dict[str, Cost]:
    """Load a database with this many rows in each table, measure, and drop the database."""
    name = f"triggers_{rows}"
    place = psycopg.conninfo.make_conninfo(url, dbname=name)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            load(place, rows)
            found = {}
            for statement in _statements(rows):
                if options.only in statement.name:
                    cost = found[statement.name] = _cost(place, statement, rows, options.most_s)
                    log(f"{rows:,} rows, {statement.name}: {cost.new_session:.1f} µs, {cost.planned_for_one:.1f} µs")
            return found
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def load(url: str, rows: int) -> None:
    """Migrate an empty database, and insert this many rows into each table. Raises SystemExit if a count is wrong."""
    create_schema(url)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute((_FILES / "functions.sql").read_text(encoding="utf-8").replace("{rows}", str(rows)))
        for _, insert in _inserts(rows, shift=0):
            session.execute(insert)
        session.execute("VACUUM (ANALYZE)")
        if wrong := session.execute("SELECT * FROM recount()").fetchall():
            raise SystemExit(f"counts differ from their rows: {wrong[:5]}")


def _statements(rows: int) -> Iterator[Statement]:
    inserts = dict(_inserts(rows, shift=1))
    for table, insert in inserts.items():
        yield Statement(f"insert {table}", insert, insert.replace(f"(0, {rows} - 1)", "(0, 0)"))
    for table, kind, change in _lines("updates.sql"):
        update = f"UPDATE public.{table} SET {change.replace('{rows}', str(rows))}"
        yield Statement(f"update {table}, {kind}", update, _of_one_row(update, table))
    for table in inserts:
        delete, truncate = f"DELETE FROM public.{table}", f"TRUNCATE public.{table} CASCADE"
        yield Statement(f"delete {table}", delete, _of_one_row(delete, table))
        yield Statement(f"truncate {table}", truncate, _of_one_row(delete, table))


def _of_one_row(text: str, table: str) -> str:
    return f"{text} WHERE id = (SELECT id FROM public.{table} LIMIT 1)"


def _inserts(rows: int, shift: int) -> Iterator[tuple[str, str]]:
    for table, columns, values in _lines("rows.sql"):
        insert = f"INSERT INTO public.{table} ({columns}) SELECT {values} FROM generate_series(0, {rows} - 1) AS n"
        yield table, insert.replace("{shift}", str(shift)).replace("{rows}", str(rows))


def _lines(name: str) -> Iterator[list[str]]:
    for line in (_FILES / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            yield line.split("|")


def _cost(url: str, statement: Statement, rows: int, most_s: int) -> Cost:
    """Return the shortest of some rounds: what other programs add is no cost of the statement."""
    new, planned = (
        min(_seconds(url, statement, runs_before, most_s) for _ in range(_ROUNDS))
        for runs_before in (0, _RUNS_OF_ONE_ROW)
    )
    return Cost(new / rows * 1e6, planned / rows * 1e6)


def _seconds(url: str, statement: Statement, runs_before: int, most_s: int) -> float:
    """Run a statement in a session of its own, roll it back, and return how long it took, or until it was cancelled."""
    with psycopg.connect(url) as session:
        session.execute(f"SET statement_timeout = '{most_s}s'")
        for _ in range(runs_before):
            with session.transaction(force_rollback=True):
                session.execute(statement.of_one_row)
        begin = time.monotonic()
        try:
            with session.transaction(force_rollback=True):
                session.execute(statement.text)
                return time.monotonic() - begin
        except psycopg.errors.QueryCanceled:
            return time.monotonic() - begin


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
