"""Fill an empty database with the schema and a data set of a chosen scale: ``python -m benchmarks.dataset URL``.

The same scale and seed give the same data, except for keys that no row depends on. The server computes the rows, and
COPY loads them without triggers and secondary indexes. Indexes are created afterwards; ``recount`` makes the counts.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from fowergram_db.database.sql import shipped_migrations
from fowergram_db.database.target import resolve_target
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget
from psycopg import sql

_TABLES = Path(__file__).with_name("dataset")
# Their triggers give them a row in a table of trends.
_WITH_TRIGGERS = {"hashtags", "music_tracks", "reels"}
_SETTINGS = "SET jit = off; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET synchronous_commit = off"

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the data set: a hundred posts for each user."""

    posts: int
    seed: int

    @property
    def users(self) -> int:
        """The number of users, without the two hundred viewers."""
        return max(self.posts // 100, 1000)


def main(given: Sequence[str]) -> int:
    """Load the data, and report the progress."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dataset", description=__doc__)
    parser.add_argument("url", help="an empty database of a superuser's")
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(given)
    load(options.url, Scale(options.posts, options.seed), log)
    return 0


def log(line: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
    sys.stdout.flush()


def create_schema(url: str) -> None:
    """Migrate an empty database to the shipped schema."""
    target = resolve_target({"database_url": url}, {}, {}, libpq=lambda _: {}, embedded_available=False)
    migrate(target, read_migrations(shipped_migrations()), UpgradeTarget(), lambda _event: None)


def load(url: str, scale: Scale, log: Log) -> None:
    """Migrate an empty database and fill it. Takes a minute for each million posts, and 3 GB of disk."""
    create_schema(url)
    with psycopg.connect(url, autocommit=True) as source, psycopg.connect(url, autocommit=True) as session:
        for connection in (source, session):
            connection.execute(_SETTINGS)
        indexes = _drop_indexes(session)
        functions, *tables = sorted(_TABLES.glob("*.sql"))
        session.execute(_text(functions, scale, session))
        for table in tables:
            started = time.monotonic()
            rows = _copy(source, session, table)
            log(f"{table.stem[3:]}: {rows:,} rows in {time.monotonic() - started:.0f} s")
        _finish(session, indexes, log)


def _drop_indexes(session: psycopg.Connection) -> list[str]:
    """Drop the indexes that no constraint needs, and return the statements that create them."""
    rows = session.execute("""
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisunique AND NOT c.relispartition
          AND c.relkind = 'i'
        ORDER BY 1""").fetchall()
    for name, _ in rows:
        session.execute(f"DROP INDEX {name}".encode())
    return [definition for _, definition in rows]


def _text(file: Path, scale: Scale, session: psycopg.Connection) -> str:
    """Return the SQL functions of a scale, which all other queries call."""
    now = sql.Literal(session.execute("SELECT date_trunc('hour', now())::text").fetchone()[0]).as_string()
    text = file.read_text(encoding="utf-8")
    values = {"{posts}": scale.posts, "{users}": scale.users, "{seed}": scale.seed, "{now}": now.replace("'", "''")}
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


def _copy(source: psycopg.Connection, session: psycopg.Connection, file: Path) -> int:
    """Send the rows of a query to a table; its first line says which, with the columns."""
    first, _, query = file.read_text(encoding="utf-8").partition("\n")
    into = first.removeprefix("-- into: ")
    role = "origin" if into.split(" ")[0] in _WITH_TRIGGERS else "replica"
    session.execute(f"SET session_replication_role = {role}".encode())
    with source.cursor() as reading, session.cursor() as writing:
        with (
            reading.copy(f"COPY ({query}) TO STDOUT".encode()) as rows,
            writing.copy(f"COPY public.{into} FROM STDIN".encode()) as table,
        ):
            for block in rows:
                table.write(block)
        return writing.rowcount


def _finish(session: psycopg.Connection, indexes: list[str], log: Log) -> None:
    """Create the indexes and the counts, and analyze the tables."""
    session.execute("SET session_replication_role = origin")
    started = time.monotonic()
    for definition in indexes:
        session.execute(definition.encode())
    log(f"{len(indexes)} indexes in {time.monotonic() - started:.0f} s")
    started = time.monotonic()
    session.execute("ANALYZE")
    counted = session.execute("SELECT count(*) FROM recount(p_repair => true)").fetchone()[0]
    session.execute("""
        UPDATE conversations AS c SET last_message_at = m.at
        FROM (SELECT conversation_id, max(created_at) AS at FROM messages GROUP BY 1) AS m
        WHERE m.conversation_id = c.id""")
    log(f"{counted:,} counts in {time.monotonic() - started:.0f} s")
    started = time.monotonic()
    session.execute("VACUUM (ANALYZE)")
    session.execute("CHECKPOINT")
    size = session.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()[0]
    log(f"vacuumed in {time.monotonic() - started:.0f} s; the database has {size}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
