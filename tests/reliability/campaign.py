"""Cause faults at random moments of runs, and check that the history is true and that the next run completes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from psycopg import sql

from fowergram_db.database.connection import Connection, connect
from fowergram_db.database.target import Target
from fowergram_db.schema.fingerprint import Fingerprint, differences, fingerprint
from tests.integration.proxy import proxy_to
from tests.reliability import scripts
from tests.reliability.cases import Case, Fault, Finding, Outcome
from tests.reliability.grounds import Ground, Stage, end_of

_ENDS_WITHIN_S = 60.0
_FREED_WITHIN_S = 120.0
"""The longest that the server may keep the session of a client that has vanished."""
_MARGIN_S = 10.0
_MEASURED = 3
_LONGEST_PAUSE_S = 2.0
_COMMANDS = {"migrate": ("migrate",), "rollback": ("rollback", "--to", "0")}
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' ORDER BY 1"
_SAID = re.compile(r"^Applied now: (.*?)\. ", re.MULTILINE)
_KILLED = (Fault.KILL, Fault.CLIENT_GONE)
_SLOW = (Fault.FREEZE, Fault.CLIENT_GONE, Fault.SILENCE)
_STOPPED = (Fault.PAUSE, Fault.FREEZE)
# Without a pooled connection in good time, a migrator says that it could not acquire the lock.
_MAY_FAIL_WITH = {Fault.POOLER: (0, 1, 5), Fault.PAUSE: (0,)}


@dataclass(frozen=True, slots=True)
class State:
    """A schema, and how many rows its tables have."""

    schema: Fingerprint
    rows: tuple[tuple[str, int], ...]


class Campaign:
    """Cases on grounds, with migrations written to ``directory``.

    ``server`` is where the undisturbed states are built and the commands timed; the templates stay there.
    """

    def __init__(self, server: Target, directory: Path, files: dict[str, str]) -> None:
        self._server = server
        self._directory = directory
        self._versions = scripts.write(directory, files)
        self._states: list[State] = []
        self._durations: dict[str, float] = {}
        self._prefix = f"fowergram_fault_{os.getpid()}"

    def prepare(self) -> None:
        """Build the state after each version, and measure how long the commands take."""
        self.make_templates(self._server)
        target = replace(self._server, dbname=self._name("states"))
        with connect(self._server) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
            self._states.append(_state(target))
            for version in self._versions:
                self._complete(target, "migrate", "--to", str(version))
                self._states.append(_state(target))
            with proxy_to(self._server.host, int(self._server.port)) as proxy:
                way = replace(self._server, host="127.0.0.1", port=str(proxy.port))
                for command in _COMMANDS:
                    taken = [self._undisturbed(admin, way, proxy.connected, command) for _ in range(_MEASURED)]
                    self._durations[command] = sorted(taken)[_MEASURED // 2]

    def make_templates(self, server: Target) -> None:
        """Make on a server the databases that the commands begin with: one is empty, one has everything."""
        with connect(server) as admin:
            for stage in ("empty", "full"):
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._name(stage))))
        self._complete(replace(server, dbname=self._name("full")), "migrate")

    def run(self, cases: Sequence[Case], grounds: Mapping[Fault, Callable[[], Ground]]) -> Iterator[Finding]:
        """Yield a finding for each case, in order; all cases of a fault take place on one ground."""
        for fault, those in groupby(cases, lambda case: case.fault):
            ground = grounds[fault]()
            with ThreadPoolExecutor(ground.parallel) as pool:
                yield from pool.map(lambda case, ground=ground: self._guarded(case, ground), those)

    def _name(self, what: object) -> str:
        return f"{self._prefix}_{what}"

    def _undisturbed(self, admin: Connection, way: Target, connected: Any, command: str) -> float:
        name = self._fresh(admin, command, "timed")
        try:
            connected.clear()
            process = self._process(replace(way, dbname=name), *_COMMANDS[command])
            connected.wait(_ENDS_WITHIN_S)
            began = time.monotonic()
            out = end_of(process, _ENDS_WITHIN_S)
            if process.returncode:
                raise RuntimeError(f"{command} fails by itself: {out}")
            return time.monotonic() - began
        finally:
            _drop(admin, name)

    def _fresh(self, admin: Connection, command: str, what: object) -> str:
        """Make the database that a command starts with, and return its name."""
        name, template = self._name(what), self._name("empty" if command == "migrate" else "full")
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def _process(self, target: Target, *command: str, prefix: Sequence[str] = ()) -> subprocess.Popen:
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("DB_", "PG", "DATABASE"))
        }
        variables |= {"DB_HOST": target.host, "DB_PORT": target.port, "DB_NAME": target.dbname, "DB_USER": target.user}
        variables |= {"DB_PASSWORD": target.password} if target.password else {}
        tool = [sys.executable, "-m", "fowergram_db", *command, "--migrations-dir", str(self._directory)]
        return subprocess.Popen(
            [*prefix, *tool], env=variables, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _complete(self, target: Target, *command: str, limit_s: float = _ENDS_WITHIN_S) -> None:
        process = self._process(target, *command)
        out = end_of(process, limit_s)
        if process.returncode:
            raise _Violated(f"{' '.join(command)} ended with {process.returncode}: {out}")

    def _guarded(self, case: Case, ground: Ground) -> Finding:
        """Carry out a case in a database of its own."""
        with ground.stage() as stage:
            with connect(stage.server) as admin:
                name = self._fresh(admin, case.command, case.number)
            try:
                return self._carry_out(case, stage, name)
            finally:
                with connect(stage.server) as admin:
                    _drop(admin, name)

    def _carry_out(self, case: Case, stage: Stage, name: str) -> Finding:
        outcome, freed_s, recovery_s = Outcome.NOTHING, 0.0, 0.0
        try:
            said, freed_s = self._hurt(case, stage, name)
            target = replace(stage.server, dbname=name)
            outcome = self._outcome(case, target, said)
            began = time.monotonic()
            self._complete(target, *_COMMANDS[case.command])
            recovery_s = time.monotonic() - began
            wanted = self._states[-1 if case.command == "migrate" else 0]
            _require_same(wanted, _state(target), "after the next run")
        except _Violated as violated:
            return Finding(case, outcome, recovery_s, freed_s, str(violated))
        return Finding(case, outcome, recovery_s, freed_s)

    def _hurt(self, case: Case, stage: Stage, name: str) -> tuple["_Said", float]:
        """Start a run and let the fault happen; return what the run said, and how long its sessions outlived it."""
        way = replace(stage.way, dbname=name)
        process = self._process(way, *_COMMANDS[case.command], prefix=stage.prefix)
        try:
            stage.report_summary(name)
            time.sleep(case.moment * self._durations[case.command])
            if case.fault in _STOPPED:
                self._stop(case, process, replace(stage.server, dbname=name))
            stage.strike()
            if case.fault in _KILLED:
                process.kill()
            began = time.monotonic()
            out = end_of(process, _FREED_WITHIN_S + _MARGIN_S if case.fault in _SLOW else _ENDS_WITHIN_S)
        finally:
            process.kill()
        if out is None:
            raise _Violated("the run hangs")
        if not stage.await_no_session(name, _FREED_WITHIN_S + _MARGIN_S):
            raise _Violated(f"the server still has a session of the run after {time.monotonic() - began:.0f} s")
        return _Said(process.returncode, out), time.monotonic() - began

    def _stop(self, case: Case, process: subprocess.Popen, target: Target) -> None:
        """Stop a run, let another begin, and let the first continue: soon, or when the other has taken over."""
        process.send_signal(signal.SIGSTOP)
        try:
            if case.fault is Fault.FREEZE:
                wait_s = _FREED_WITHIN_S + _MARGIN_S
                command = (*_COMMANDS[case.command], "--wait", str(wait_s))
                self._complete(target, *command, limit_s=wait_s + _ENDS_WITHIN_S)
            else:
                time.sleep(case.moment * _LONGEST_PAUSE_S)
        finally:
            process.send_signal(signal.SIGCONT)

    def _outcome(self, case: Case, target: Target, said: "_Said") -> Outcome:
        """Compare what is there with what the history says is there, and with what the run said."""
        applied, partial = _history(target)
        if case.fault not in _KILLED:
            said.require_true(case, applied, partial)
        if partial:
            return Outcome.PARTIAL
        if applied != self._versions[: len(applied)]:
            raise _Violated(f"the history has gaps: {applied}")
        _require_same(self._states[len(applied)], _state(target), f"where the history says {applied}")
        gone = len(applied) if case.command == "migrate" else len(self._versions) - len(applied)
        outcome = {0: Outcome.NOTHING, len(self._versions): Outcome.ALL}.get(gone, Outcome.SOME)
        if said.exit_code == 0 and outcome is not Outcome.ALL:
            raise _Violated(f"the run ended with 0, and {applied} is applied: {said.text}")
        return outcome


@dataclass(frozen=True, slots=True)
class _Said:
    """What a run left: its exit code, and all that it printed."""

    exit_code: int
    text: str

    def require_true(self, case: Case, applied: Sequence[int], partial: Sequence[int]) -> None:
        """Raise _Violated for an unexpected end, and for a wrong report of what is applied."""
        if "Traceback" in self.text or "internal error" in self.text:
            raise _Violated(f"the run ended with a fault of its own: {self.text}")
        if self.exit_code not in _MAY_FAIL_WITH.get(case.fault, (0, 1)):
            raise _Violated(f"the run ended with {self.exit_code}: {self.text}")
        if self.exit_code == 0 and partial:
            raise _Violated(f"the run ended with 0, and {partial} stopped midway: {self.text}")
        found = _SAID.search(self.text)
        # While this run was frozen, another one has continued.
        if found and case.fault is not Fault.FREEZE and found[1] != _listed(applied):
            raise _Violated(f"the run said that {found[1]} is applied, and the history {_listed(applied)}: {self.text}")


class _Violated(Exception):
    """A promise is broken."""


def _listed(versions: Sequence[int]) -> str:
    """List versions as the tool does."""
    if len(versions) > 12:
        return f"{versions[0]} to {versions[-1]} ({len(versions)} migrations)"
    return ", ".join(map(str, versions)) or "none"


def _state(target: Target) -> State:
    with connect(target) as connection:
        tables = connection.execute(_TABLES).fetchall()
        rows: list[tuple[str, int]] = []
        for (table,) in tables:
            count = sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(str(table)))
            rows += [(str(table), int(str(n))) for (n,) in connection.execute(count)]
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


def _drop(admin: Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
