"""What counting costs, and whether it deadlocks: pgbench with the schema and with row triggers, in turns."""

import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

_SCRIPTS = Path(__file__).with_name("pgbench")
_CLIENTS = 16
_SCHEMAS = {"public": "slots", "plain": "row triggers"}
_LIKES_OF_A_CLIENT = 2500
_BULK = 20_000
# Whose likes of which posts, for the n-th.
_BULKS = {
    f"{_BULK:,} posts": "dataset.user_id(dataset.viewer(16, 1)), dataset.post_id(1 + 11 * n % dataset.posts())",
    "one post": "dataset.user_id(1 + n % dataset.users()), dataset.post_id(11)",
}
_MOST_FOR_BULK = 1.5
_TIMES_A_ROW_TRIGGER = 3.0

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the table, and whether it is within its bound."""

    what: str
    slots: str
    others: str
    bound: str
    holds: bool


def results(url: str, rounds: int, minute: int, log: Log) -> Iterator[Result]:
    """Measure and yield the results; the counts of the database are exact afterwards."""
    with psycopg.connect(url, autocommit=True) as session:
        log("copying the tables for the row triggers")
        session.execute("DROP SCHEMA IF EXISTS plain CASCADE; DROP TABLE IF EXISTS dataset.hot")
        session.execute("DROP SEQUENCE IF EXISTS dataset.fans")
        session.execute((_SCRIPTS / "row_triggers.sql").read_bytes())
        session.execute("VACUUM ANALYZE plain.likes, plain.follows, plain.post_stats, plain.user_stats")
        yield _hot_post(session, url, rounds, log)
        yield from (_bulk(session, rounds, where) for where in _BULKS)
        for script in ("batches", "one_by_one", "follows"):
            log(f"{script} for {minute} s")
            yield _deadlocks(session, url, script, minute)
        log("recounting")
        wrong = _value(session, "SELECT count(*) FROM recount()")
        yield Result("counts that differ from their rows afterwards", str(wrong), "", "0", wrong == 0)
        session.execute("DROP SCHEMA plain CASCADE")


def _hot_post(session: psycopg.Connection, url: str, rounds: int, log: Log) -> Result:
    """Measure likes of one post per second: another post in each round, so that no like is the second one."""
    likes = min(_LIKES_OF_A_CLIENT, _value(session, "SELECT dataset.users()") // _CLIENTS - 1)
    found: dict[str, list[float]] = {schema: [] for schema in _SCHEMAS}
    for turn in range(rounds):
        for schema, name in _SCHEMAS.items():
            session.execute("SELECT setval('dataset.fans', 1)")
            post = str(_value(session, f"SELECT dataset.post_id({3 * turn + 1})"))
            session.execute(f"DELETE FROM {schema}.likes WHERE post_id = '{post}'".encode())
            speed = _pgbench(url, "hot_post", f"--transactions={likes}", schema=schema, post=post)
            found[schema].append(speed)
            log(f"hot post, {name}: {speed:,.0f} likes a second")
    ours, theirs = (statistics.median(speeds) for speeds in found.values())
    return Result(
        f"likes of one post a second, {_CLIENTS} clients", f"{ours:,.0f}", f"{theirs:,.0f}", "at least 3 times",
        ours >= _TIMES_A_ROW_TRIGGER * theirs,
    )  # fmt: skip


def _bulk(session: psycopg.Connection, rounds: int, where: str) -> Result:
    """Measure one statement with and without its counting; foreign keys and indexes are the same."""
    rows = f"SELECT {_BULKS[where]} FROM generate_series(1, {_BULK}) AS n"
    insert = f"INSERT INTO public.likes (user_id, post_id) {rows} ON CONFLICT DO NOTHING"
    found: dict[str, list[float]] = {"ENABLE": [], "DISABLE": []}
    for _ in range(2 * rounds + 1):
        for state, times in found.items():
            with session.transaction(force_rollback=True):
                session.execute(f"ALTER TABLE public.likes {state} TRIGGER keep_post_stat_slots_on_insert".encode())
                row = session.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {insert}".encode()).fetchone()
                times.append(row[0][0]["Execution Time"] if row else 0.0)
    with_triggers, without = (statistics.median(times) for times in found.values())
    return Result(
        f"ms for {_BULK:,} likes of {where} in one statement, compared with no counting", f"{with_triggers:.0f}",
        f"{without:.0f}", f"at most {_MOST_FOR_BULK} times", with_triggers <= _MOST_FOR_BULK * without,
    )  # fmt: skip


def _deadlocks(session: psycopg.Connection, url: str, script: str, seconds: int) -> Result:
    """Count the deadlocks of each design while clients write to the same rows in opposite orders."""
    found = []
    for schema in _SCHEMAS:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        session.execute("SELECT pg_sleep(1)")
        before = _value(session, query)
        duration = seconds if schema == "public" else min(seconds, 10)
        speed = _pgbench(url, script, f"--time={duration}", schema=schema)
        session.execute("SELECT pg_sleep(1)")
        found.append((_value(session, query) - before, speed))
    (ours, speed), (theirs, _) = found
    names = {"batches": "batches of 20 likes in any order", "one_by_one": "transactions of several likes in any order",
             "follows": "follows in both directions"}  # fmt: skip
    return Result(
        f"deadlocks in {seconds} s, {names[script]} (row triggers: in {min(seconds, 10)} s)",
        f"{ours} ({speed:,.0f} transactions a second)", str(theirs), "0", ours == 0,
    )  # fmt: skip


def _pgbench(url: str, script: str, length: str, **names: str) -> float:
    """Run a script for all clients and return its transactions a second; clients continue after a deadlock."""
    text = (_SCRIPTS / f"{script}.sql").read_text(encoding="utf-8")
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        command = ["pgbench", "--no-vacuum", "--protocol=prepared", f"--client={_CLIENTS}", "--jobs=2", length,
                   "--max-tries=10", f"--file={file.name}", url]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise RuntimeError(f"pgbench failed: {done.stdout} {done.stderr[-2000:]}")
    return float(found[1])


def _value(session: psycopg.Connection, query: str):  # noqa: ANN202 - whatever the query returns
    row = session.execute(query.encode()).fetchone()
    return row[0] if row else None
