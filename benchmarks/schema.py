"""Measure the schema at scale: what readers and writers cost, compared with naive queries, in one run on one server.

``python -m benchmarks.schema`` loads a data set (see ``benchmarks.dataset``) into a server of its own, measures, and
writes ``docs/performance.md`` with ``--write``. ``--use URL`` measures a database that is loaded already.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from benchmarks.dataset import Scale, load, log
from benchmarks.readers import Measured, measured, readers, unequal_feeds
from benchmarks.writers import Result, results
from tools.servers import started

_PAGE = Path(__file__).resolve().parents[1] / "docs/performance.md"
_MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")
_SETTINGS = {
    "shared_buffers": "4GB", "max_wal_size": "16GB", "checkpoint_timeout": "30min", "autovacuum": "off",
}  # fmt: skip
_PLANS = ("feed, 500 follows", "suggestions, widest account", "comments, a page of thousands", "search, a rare word")


def main(given: Sequence[str]) -> int:
    """Load, measure and print; return 1 if a bound is exceeded or a result is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schema", description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--use", metavar="URL", help="a database that benchmarks.dataset has filled")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minute", type=int, default=60, help="seconds for each search for deadlocks")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args(given)
    with _database(options) as url:
        text, failures = _report(url, options)
    sys.stdout.write(text)
    if options.write:
        _write(text)
    for failure in failures:
        sys.stderr.write(f"wrong: {failure}\n")
    return 1 if failures else 0


@contextlib.contextmanager
def _database(options: argparse.Namespace) -> Iterator[str]:
    if options.use:
        yield options.use
        return
    with started(18, _SETTINGS, place=Path("/var/tmp")) as server:  # noqa: S108 - not in memory
        load(server.url, Scale(options.posts, options.seed), log)
        yield server.url


def _report(url: str, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Return the measured part of the page, and what is wrong."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("SET jit = off")
        _warm(session)
        found = []
        for reader in readers(session):
            found.append(measured(session, reader))
            log(_line(found[-1]))
        compared, unequal = unequal_feeds(session)
        log(f"{compared - len(unequal)} of {compared} feeds are equal to the naive one")
        head = _head(session)
    written = list(results(url, options.rounds, options.minute, log))
    failures = [failure for one in found for failure in one.failures]
    failures += [f"the feed of {viewer} differs from the naive one" for viewer in unequal]
    failures += [f"{one.what}: {one.slots} compared with {one.others}" for one in written if not one.holds]
    equal = (
        f"Feeds equal to the naive query, row for row: {compared - len(unequal)} of {compared} viewers of every kind.\n"
    )
    parts = [head, *_readers_table(found), equal, *_writers_table(written), *_plans(found)]
    return "\n".join(parts), failures


def _warm(session: psycopg.Connection) -> None:
    """Read all pages that the readers need once, so that the first reader does not have to."""
    session.execute("SELECT count(*) FROM posts; SELECT count(*) FROM follows; SELECT count(*) FROM users")


def _head(session: psycopg.Connection) -> str:
    row = session.execute("""
        SELECT
            current_setting('server_version'), dataset.posts(), dataset.users(), (SELECT count(*) FROM follows),
            pg_size_pretty(pg_database_size(current_database())), current_setting('shared_buffers'),
            current_setting('fsync')""").fetchone()
    version, posts, users, follows, size, memory, fsync = row or ("",) * 7
    return (
        f"PostgreSQL {version.split()[0]}, {os.cpu_count()} cores, `shared_buffers` {memory}, `fsync` {fsync}: "
        f"{posts:,} posts, {users:,} users, {follows:,} follows, {size}.\n"
    )


def _line(one: Measured) -> str:
    naive = f", naive {one.naive.buffers:,} buffers {one.naive.ms:.2f} ms" if one.naive else ""
    return f"{one.reader.name}: {one.cost.buffers:,} buffers {one.cost.ms:.2f} ms{naive}"


def _readers_table(found: list[Measured]) -> Iterator[str]:
    yield "| reader | buffers | ms | naive: buffers | ms | bound |"
    yield "|---|--:|--:|--:|--:|---|"
    for one in found:
        naive = f"{one.naive.buffers:,} | {one.naive.ms:.2f}" if one.naive else "|"
        yield f"| {one.reader.name} | {one.cost.buffers:,} | {one.cost.ms:.2f} | {naive} | {_bound(one)} |"
    yield ""


def _bound(one: Measured) -> str:
    reader = one.reader
    bounds = []
    if reader.most_buffers is not None:
        bounds.append(f"{reader.most_buffers:,} buffers")
    if reader.fewer_than_naive:
        bounds.append(f"a {reader.fewer_than_naive}th of naive")
    if reader.most_ms is not None:
        bounds.append(f"{reader.most_ms:g} ms")
    return ", ".join(bounds)


def _writers_table(written: list[Result]) -> Iterator[str]:
    yield "| writers | counted in slots | row triggers, or no counting | bound |"
    yield "|---|--:|--:|---|"
    for one in written:
        yield f"| {one.what} | {one.slots} | {one.others} | {one.bound} |"
    yield ""


def _plans(found: list[Measured]) -> Iterator[str]:
    for one in found:
        if one.reader.name in _PLANS:
            yield f"<details><summary>Plan: {one.reader.name}</summary>\n\n```\n{one.cost.plan}\n```\n\n</details>\n"


def _write(text: str) -> None:
    page = _PAGE.read_text(encoding="utf-8")
    begin, end = _MARKS
    before, after = page.partition(begin)[0], page.partition(end)[2]
    _PAGE.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
