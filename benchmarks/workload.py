"""Run random statements at all isolation levels at once, and compare all counts with their rows meanwhile.

``python -m benchmarks.workload --seconds 600`` starts a server with a small database, in which every statement meets
others on the same rows. Each client runs statements of ``workload.sql``, each in a transaction at a random isolation
level that it commits, rolls back, or prepares first. It returns 1 if a count is wrong, a request waits for an
answer that no one gives, or an error is none of those that ``EXPECTED`` names. Deadlocks are listed, too.
"""

import argparse
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from benchmarks.dataset import create_schema
from psycopg.pq import TransactionStatus
from tools.servers import FOR_TESTS, started

_KINDS = re.findall(
    r"^-- ([^.\n]+)\n((?:(?!--).+\n?)+)", Path(__file__).with_suffix(".sql").read_text("utf-8"), re.MULTILINE
)
_LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
# Below REPEATABLE READ, no transaction has to be repeated.
EXPECTED = {
    "0A000": "this needs READ COMMITTED",
    "23503": "a row that it refers to is not there",
    "23505": "the row is there already",
    "23514": "a rule of the schema, by the name of its constraint",
    "40001": "repeat the transaction",
    "40P01": "repeat the transaction: a deadlock",
    "55P03": "others keep the rows of an erasure locked",
}
_TABLES = {
    "user": "users",
    "other": "users",
    "post": "posts",
    "hashtag": "hashtags",
    "comment": "comments",
    "story": "stories",
    "track": "music_tracks",
    "sound": "audio_tracks",
    "reel": "reels",
    "collection": "collections",
    "conversation": "conversations",
}
_FIRST = """
    INSERT INTO users (email, username, is_private)
    SELECT 'u' || n || '@example.com', 'user' || n, n % 4 = 0 FROM generate_series(1, 40) AS n;
    INSERT INTO posts (user_id) SELECT id FROM users, generate_series(1, 2);
    INSERT INTO hashtags (name) SELECT 'first' || n FROM generate_series(1, 5) AS n;
    INSERT INTO audio_tracks (title, url) SELECT 'sound', 'https://a/1.mp3' FROM generate_series(1, 2);
    INSERT INTO music_tracks (title, artist) SELECT 'song', 'artist' FROM generate_series(1, 4);
    INSERT INTO reels (user_id, video_url) SELECT id, 'https://a/1.mp4' FROM users LIMIT 5;
    INSERT INTO stories (user_id, media_url) SELECT id, 'https://a/1.jpg' FROM users LIMIT 10;
    INSERT INTO comments (user_id, post_id, content) SELECT user_id, id, 'first' FROM posts;
    INSERT INTO collections (user_id, name) SELECT id, 'first' FROM users LIMIT 5;
    INSERT INTO conversations (created_by) SELECT id FROM users LIMIT 5"""
_UNANSWERED = """
    SELECT f.id FROM follows AS f JOIN users AS u ON u.id = f.following_id
    WHERE f.accepted_at IS NULL AND NOT u.is_private"""
_SHARE_ROLLED_BACK, _SHARE_PREPARED, _SHARE_THAT_WAITS = 0.1, 0.1, 0.3
_LONGEST_WAIT_S, _DRAWS_EVERY_S = 0.01, 0.02
_ROWS, _RARE = 30, 0.2


@dataclass(slots=True)
class Report:
    """What has happened. An error is counted with its level, SQLSTATE, constraint and kinds of statements."""

    done: Counter[str] = field(default_factory=Counter)
    errors: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    wrong: dict[str, None] = field(default_factory=dict)

    @property
    def unexpected(self) -> list[tuple[str, str, str, str]]:
        """Return the errors that no application should have to expect."""
        return sorted(
            error
            for error in self.errors
            if error[1] not in EXPECTED or (error[1] == "40001" and error[0].startswith("READ"))
        )

    @property
    def deadlocks(self) -> dict[str, int]:
        """Return how often which kinds of statements have waited for each other."""
        found: Counter[str] = Counter()
        for (_, state, _, kinds), count in self.errors.items():
            if state == "40P01":
                found[kinds] += count
        return dict(found.most_common())


@dataclass(frozen=True, slots=True)
class Workload:
    """What to run: ``statements`` is the most in one transaction, ``without`` a pattern of kinds to leave out."""

    seconds: float = 60
    clients: int = 8
    seed: int = 1
    statements: int = 1
    without: str = "^$"

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Return the kinds of statements, each with its text."""
        return [kind for kind in _KINDS if not re.search(self.without, kind[0])]


def run(url: str, workload: Workload) -> Report:
    """Run it in a database that has the schema and no rows."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(_FIRST)
        shared = _Shared(url, workload, session)
        threads = [threading.Thread(target=_Client(shared, n).run) for n in range(workload.clients)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(_DRAWS_EVERY_S)
            shared.draw(session)
            # Exact at any time, and what is wrong now may be deleted in the end.
            _compare(session, shared.report)
        _compare(session, shared.report)
    return shared.report


def _compare(session: psycopg.Connection, report: Report) -> None:
    for counter, column, key, counted, there in session.execute("SELECT * FROM recount()"):
        report.wrong.setdefault(f"{counter}.{column} of {key}: {counted} instead of {there}")
    for (request,) in session.execute(_UNANSWERED):
        report.wrong.setdefault(f"the request {request} to a public account")


class _Shared:
    """What all clients use: ids of rows, which process runs which kind of statement, whether the server prepares."""

    def __init__(self, url: str, workload: Workload, session: psycopg.Connection) -> None:
        self.url = url
        self.workload = workload
        self.kinds = workload.kinds
        # Or there would soon be no rows.
        self.weights = [_RARE if re.match("delete|erase", kind) else 1 for kind, _ in self.kinds]
        self.report = Report()
        self.ids: dict[str, list] = {}
        self.at_work: dict[int, str] = {}
        self.prepares = session.execute("SHOW max_prepared_transactions").fetchone() != ("0",)
        self.draw(session)
        self.until = time.monotonic() + workload.seconds

    def draw(self, session: psycopg.Connection) -> None:
        """Draw rows of each table; where a table is empty, they stay as they were."""
        for name, table in _TABLES.items():
            found = [row[0] for row in session.execute(f"SELECT id FROM {table} ORDER BY random() LIMIT {_ROWS}")]
            self.ids[name] = found or self.ids.get(name, [])


class _Client:
    """One session and its random transactions."""

    def __init__(self, shared: _Shared, number: int) -> None:
        self.shared = shared
        self.chance = random.Random(f"{shared.workload.seed} {number}")  # noqa: S311 - no secret

    def run(self) -> None:
        with psycopg.connect(self.shared.url, autocommit=True) as session:
            while time.monotonic() < self.shared.until:
                level = self.chance.choice(_LEVELS)
                try:
                    self._transaction(session, level)
                    self.shared.report.done[level] += 1
                except psycopg.Error as error:
                    self._count(session, level, error)

    def _transaction(self, session: psycopg.Connection, level: str) -> None:
        statement = self._next(session)
        if statement.startswith("CALL"):
            # It commits by itself.
            session.execute(statement, self._values())
            return
        # Where the snapshot is fixed, it is that of the SELECT.
        session.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT")
        self._wait()
        session.execute(statement, self._values())
        for _ in range(self.chance.randrange(self.shared.workload.statements)):
            self._wait()
            statement = self._next(session)
            if not statement.startswith("CALL"):
                session.execute(statement, self._values())
        self._end(session)

    def _next(self, session: psycopg.Connection) -> str:
        ((kind, statement),) = self.chance.choices(self.shared.kinds, self.shared.weights)
        self.shared.at_work[session.info.backend_pid] = kind
        return statement

    def _count(self, session: psycopg.Connection, level: str, error: psycopg.Error) -> None:
        own = self.shared.at_work[session.info.backend_pid]
        # A deadlock names the processes that have waited for each other.
        pids = dict.fromkeys(map(int, re.findall(r"(?i)process (\d+)", error.diag.message_detail or "")))
        kinds = " + ".join(sorted(self.shared.at_work.get(pid, "?") for pid in pids) or [own])
        self.shared.report.errors[level, error.sqlstate or "", error.diag.constraint_name or "", kinds] += 1
        if session.info.transaction_status != TransactionStatus.IDLE:
            session.execute("ROLLBACK")

    def _wait(self) -> None:
        if self.chance.random() < _SHARE_THAT_WAITS:
            time.sleep(self.chance.random() * _LONGEST_WAIT_S)

    def _end(self, session: psycopg.Connection) -> None:
        end = "ROLLBACK" if self.chance.random() < _SHARE_ROLLED_BACK else "COMMIT"
        if self.shared.prepares and self.chance.random() < _SHARE_PREPARED:
            name = f"w{self.chance.getrandbits(60)}"
            session.execute(f"PREPARE TRANSACTION '{name}'")
            self._wait()
            end = f"{end} PREPARED '{name}'"
        session.execute(end)

    def _values(self) -> dict[str, object]:
        return {name: self.chance.choice(ids) for name, ids in self.shared.ids.items()} | {
            "n": self.chance.getrandbits(30)
        }


def main(given: Sequence[str]) -> int:
    """Run and print; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--statements", type=int, default=1, help="the most in one transaction")
    parser.add_argument("--without", default="^$", help="leave out the kinds of statements whose name matches this")
    workload = Workload(**vars(parser.parse_args(given)))
    with started(18, {**FOR_TESTS, "max_prepared_transactions": "32", "deadlock_timeout": "200ms"}) as server:
        create_schema(server.url)
        report = run(server.url, workload)
    sys.stdout.write("\n".join(_lines(report)) + "\n")
    return 1 if report.wrong or report.unexpected else 0


def _lines(report: Report) -> Iterator[str]:
    totals: Counter[tuple[str, str, str]] = Counter()
    for (level, state, constraint, _), count in report.errors.items():
        totals[level, state, constraint] += count
    for level in _LEVELS:
        yield f"{level}: {report.done[level]} transactions"
        for (of, state, constraint), count in sorted(totals.items()):
            if of == level:
                yield f"    {count} times {state} {constraint or EXPECTED.get(state, '')}"
    for kinds, count in report.deadlocks.items():
        yield f"deadlock: {count} times {kinds}"
    for error in report.unexpected:
        yield f"unexpected: {report.errors[error]} times {' '.join(error)}"
    for wrong in report.wrong:
        yield f"wrong: {wrong}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
