"""Kill and cut runs at random moments, and see whether the history tells the truth and the next run completes."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from pathlib import Path

from psycopg import sql

from fowergram_db.database.connection import Connection, connect
from fowergram_db.database.target import Target
from fowergram_db.schema.fingerprint import Fingerprint, differences, fingerprint
from tests.integration.proxy import Cut, Proxy, proxy_to
from tests.reliability import scripts

_ENDS_WITHIN_S = 60.0
_POLL_S = 0.005
_PARALLEL = 2
_MEASURED = 3
_COMMANDS = {"migrate": ("migrate",), "rollback": ("rollback", "--to", "0")}
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' ORDER BY 1"
_OTHERS = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"


class Fault(StrEnum):
    """What is done to a run."""

    KILL = auto()
    RESET = auto()
    CLOSE = auto()


class Outcome(StrEnum):
    """How much of the run is there after the fault."""

    NOTHING = auto()
    SOME = auto()
    PARTIAL = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Case:
    """One fault: in which command, and when, as a share of the time between its first connection and its end."""

    number: int
    fault: Fault
    command: str
    moment: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What a fault left: ``violation`` is empty, or says what was wrong."""

    case: Case
    outcome: Outcome
    recovery_s: float
    violation: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A schema, and how many rows its tables have."""

    schema: Fingerprint
    rows: tuple[tuple[str, int], ...]


def draw(seed: int, kills: int, cuts: int) -> tuple[Case, ...]:
    """Draw the cases: commands and kinds of cut by turns, moments uniform."""
    chance = random.Random(seed)
    faults = [Fault.KILL] * kills + [(Fault.RESET, Fault.CLOSE)[n // 2 % 2] for n in range(cuts)]
    names = tuple(_COMMANDS)
    return tuple(Case(n, fault, names[n % 2], chance.random()) for n, fault in enumerate(faults))


class Campaign:
    """All cases against one server, with migrations written to ``directory``. Makes databases, and drops them."""

    def __init__(self, server: Target, directory: Path, files: dict[str, str]) -> None:
        self._server = server
        self._directory = directory
        self._versions = scripts.write(directory, files)
        self._states: list[State] = []
        self._durations: dict[str, float] = {}
        self._prefix = f"fowergram_fault_{os.getpid()}"

    def run(self, cases: Sequence[Case]) -> Iterator[Finding]:
        """Yield a finding for each case, in order."""
        with connect(self._server) as admin:
            try:
                self._prepare(admin)
                with ThreadPoolExecutor(_PARALLEL) as pool:
                    yield from pool.map(self._guarded, cases)
            finally:
                for stage in ("empty", "full"):
                    _drop(admin, self._name(stage))

    def _name(self, what: object) -> str:
        return f"{self._prefix}_{what}"

    def _prepare(self, admin: Connection) -> None:
        """Build the template of each command, the state after each version, and see how long the commands take."""
        empty, full = (replace(self._server, dbname=self._name(stage)) for stage in ("empty", "full"))
        for target in (empty, full):
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
        self._states.append(_state(empty))
        for version in self._versions:
            self._complete(full, "migrate", "--to", str(version))
            self._states.append(_state(full))
        with proxy_to(self._server.host, int(self._server.port)) as proxy:
            for command in _COMMANDS:
                taken = [self._undisturbed(admin, proxy, command) for _ in range(_MEASURED)]
                self._durations[command] = sorted(taken)[_MEASURED // 2]

    def _undisturbed(self, admin: Connection, proxy: Proxy, command: str) -> float:
        target = self._fresh(admin, command, "timed")
        try:
            process = self._start(target, proxy, command)
            began = time.monotonic()
            out = _end_of(process)
            if process.returncode:
                raise RuntimeError(f"{command} fails by itself: {out}")
            return time.monotonic() - began
        finally:
            _drop(admin, target.dbname)

    def _fresh(self, admin: Connection, command: str, what: object) -> Target:
        """Make the database that a command starts with."""
        name, template = self._name(what), self._name("empty" if command == "migrate" else "full")
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return replace(self._server, dbname=name)

    def _start(self, target: Target, proxy: Proxy, command: str) -> subprocess.Popen:
        """Start a command through the proxy, and return when it has connected."""
        proxy.connected.clear()
        process = self._process(replace(target, host="127.0.0.1", port=str(proxy.port)), *_COMMANDS[command])
        if not proxy.connected.wait(_ENDS_WITHIN_S):
            process.kill()
            raise RuntimeError(f"{command} has not connected: {process.communicate()[0]}")
        return process

    def _process(self, target: Target, *command: str) -> subprocess.Popen:
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("DB_", "PG", "DATABASE"))
        }
        variables |= {"DB_HOST": target.host, "DB_PORT": target.port, "DB_NAME": target.dbname, "DB_USER": target.user}
        variables |= {"DB_PASSWORD": target.password} if target.password else {}
        arguments = [sys.executable, "-m", "fowergram_db", *command, "--migrations-dir", str(self._directory)]
        return subprocess.Popen(
            arguments, env=variables, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _complete(self, target: Target, *command: str) -> None:
        process = self._process(target, *command)
        out = _end_of(process)
        if process.returncode:
            raise _Violated(f"{' '.join(command)} ended with {process.returncode}: {out}")

    def _guarded(self, case: Case) -> Finding:
        """Carry out a case in a database of its own."""
        with (
            connect(self._server) as admin,
            proxy_to(self._server.host, int(self._server.port)) as proxy,
        ):
            target = self._fresh(admin, case.command, case.number)
            try:
                return self._carry_out(case, admin, proxy, target)
            finally:
                _drop(admin, target.dbname)

    def _carry_out(self, case: Case, admin: Connection, proxy: Proxy, target: Target) -> Finding:
        outcome, began = Outcome.NOTHING, time.monotonic()
        try:
            self._hurt(case, proxy, target)
            began = time.monotonic()
            _await_end(admin, target)
            outcome = self._outcome(case, target)
            began_again = time.monotonic()
            self._complete(target, *_COMMANDS[case.command])
            recovery_s = time.monotonic() - began_again
            wanted = self._states[-1 if case.command == "migrate" else 0]
            _require_same(wanted, _state(target), "after the next run")
        except _Violated as violated:
            return Finding(case, outcome, time.monotonic() - began, str(violated))
        return Finding(case, outcome, recovery_s)

    def _hurt(self, case: Case, proxy: Proxy, target: Target) -> None:
        process = self._start(target, proxy, case.command)
        time.sleep(case.moment * self._durations[case.command])
        match case.fault:
            case Fault.KILL:
                process.kill()
            case Fault.RESET:
                proxy.cut(Cut.RESET)
            case Fault.CLOSE:
                proxy.cut(Cut.CLOSE)
        out = _end_of(process)
        if "Traceback" in out:
            raise _Violated(f"the run ended with a traceback: {out}")
        if case.fault is not Fault.KILL and process.returncode not in (0, 1):
            raise _Violated(f"the run that was cut ended with {process.returncode}: {out}")

    def _outcome(self, case: Case, target: Target) -> Outcome:
        """Compare what is there with what the history says is there."""
        applied, partial = _history(target)
        if partial:
            return Outcome.PARTIAL
        if applied != self._versions[: len(applied)]:
            raise _Violated(f"the history has gaps: {applied}")
        _require_same(self._states[len(applied)], _state(target), f"where the history says {applied}")
        gone = len(applied) if case.command == "migrate" else len(self._versions) - len(applied)
        if gone == 0:
            return Outcome.NOTHING
        return Outcome.ALL if gone == len(self._versions) else Outcome.SOME


class _Violated(Exception):
    """A promise is broken."""


def _end_of(process: subprocess.Popen) -> str:
    """Wait for a process, and return what it has printed; one that hangs is killed."""
    try:
        return process.communicate(timeout=_ENDS_WITHIN_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise _Violated(f"a run hangs: {process.communicate()[0]}") from None


def _state(target: Target) -> State:
    with connect(target) as connection:
        tables = connection.execute(_TABLES).fetchall()
        rows = []
        for (table,) in tables:
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(table)))
            rows += [(str(table), n) for (n,) in connection.execute(count)]
        return State(fingerprint(connection), tuple(rows))


def _require_same(wanted: State, found: State, when: str) -> None:
    if found_differences := differences(wanted.schema, found.schema):
        raise _Violated(f"{when}, the schema differs: {'; '.join(map(str, found_differences))}")
    if wanted.rows != found.rows:
        raise _Violated(f"{when}, the rows differ: {wanted.rows} expected, {found.rows} found")


def _history(target: Target) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the versions that are applied, and those that are half done."""
    with connect(target) as connection:
        if connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone() == (None,):
            return (), ()
        rows = connection.execute("SELECT version, state FROM public.schema_migrations ORDER BY 1").fetchall()
    applied = tuple(int(str(version)) for version, state in rows if state == "applied")
    return applied, tuple(int(str(version)) for version, state in rows if state != "applied")


def _await_end(admin: Connection, target: Target) -> None:
    """Wait until no session of the run is left on the server."""
    deadline = time.monotonic() + _ENDS_WITHIN_S
    while admin.execute(_OTHERS, [target.dbname]).fetchone():
        if time.monotonic() > deadline:
            raise _Violated("a session of the run is still there")
        time.sleep(_POLL_S)


def _drop(admin: Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
