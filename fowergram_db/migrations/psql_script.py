"""Write what a run sends around its scripts for psql to run, with the same result in the history. Pure."""

from dataclasses import dataclass

from psycopg import sql

from fowergram_db.database.settings_sql import RESETS, discards, kept_statements
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import CHECK_CONSTRAINTS, is_setting, savepoint
from fowergram_db.migrations.engine.context import LockPolicy
from fowergram_db.migrations.engine.groups import TransactionScope
from fowergram_db.migrations.engine.transaction_preamble import READ_ONLY, begin
from fowergram_db.migrations.history_sql import values_of
from fowergram_db.migrations.plan import Direction

# psql stops as the tool would; what role and database have set must not change what a script means or begins.
_FIRST = "\\set ON_ERROR_STOP on\n"
_SESSION = f"SET client_encoding = 'UTF8'; {kept_statements()}\n"
_RESETS = f"{RESETS} {discards()}\n{_SESSION}"
_PARTITIONS = """\
SELECT pg_catalog.to_regprocedure('public.maintain_partitions(integer, interval)') IS NOT NULL AS is_there \\gset
\\if :is_there
SELECT partition_name, action FROM public.maintain_partitions();
\\endif
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is only shown: its steps, and what is sent around them.

    ``creates_database``: a person has to create it first, as a session of psql begins in it. ``table_changes``
    are the statements that make or convert the history's table. ``keeps_partitions``: the run ends with a call of
    the database's own function, if it has one by then.
    """

    steps: tuple[CheckedStep, ...]
    lock_policy: LockPolicy = LockPolicy()  # noqa: RUF009 - immutable
    transaction_scope: TransactionScope = TransactionScope.PER_MIGRATION
    creates_database: bool = False
    table_changes: tuple[str, ...] = ()
    keeps_partitions: bool = False

    def beginning(self) -> str:
        """Return what goes before all scripts."""
        if not self.steps:
            return ""
        changes = "".join(f"{change.strip()}\n" for change in self.table_changes)
        if changes:
            changes = f"BEGIN;\n{changes}COMMIT;\n"
        return f"{_FIRST}{_SESSION}{changes}"

    def before(self, number: int) -> str:
        """Return what goes before the script of a step."""
        checked = self.steps[number]
        lock_ms, statement_ms = self.lock_policy.of(checked.directives)
        limits = {"lock_timeout": lock_ms} | ({} if statement_ms is None else {"statement_timeout": statement_ms})
        local = "LOCAL " if checked.directives.transactional else ""
        settings = " ".join(f"SET {local}{name} = {value};" for name, value in limits.items())
        begins = checked.directives.transactional and (
            number == 0 or self.transaction_scope is TransactionScope.PER_MIGRATION
        )
        modes = checked.directives.modes
        read_only = f"{savepoint(checked)[0]} {READ_ONLY}\n" if modes.read_only else ""
        return f"{begin(modes)}\n{settings}\n{read_only}" if begins else f"{settings}\n"

    def after(self, number: int, *, down_sql: str | None) -> str:
        """Return what follows the script of a step: its row in the history; ``down_sql`` is the down script in that."""
        checked = self.steps[number]
        in_transaction = checked.directives.transactional
        ends = in_transaction and (
            number + 1 == len(self.steps) or self.transaction_scope is TransactionScope.PER_MIGRATION
        )
        resets = ""
        if not in_transaction:
            resets = f"DISCARD ALL;\n{_SESSION}"
        elif checked.script.runs_code:
            resets = f"{CHECK_CONSTRAINTS}\n{_RESETS}" if ends else _RESETS
        released = f"{savepoint(checked)[1]}\n" if checked.directives.modes.read_only else ""
        return f"{released}{resets}{_bookkeeping(checked, down_sql)}\n" + ("COMMIT;\n" if ends else "")

    def end(self) -> str:
        """Return what follows all scripts."""
        return _PARTITIONS if self.keeps_partitions and self.steps else ""


def left_to_run(checked: CheckedStep) -> tuple[int, str]:
    """Return where the rest of a script begins that has stopped midway, and what of its beginning is set again."""
    done = len(checked.step.progress.done) if checked.step.progress else 0
    statements, text = checked.script.statements, checked.script.text
    if not done or done > len(statements):
        return 0, ""
    end = statements[done - 1].end
    semicolon = text.find(";", end)
    again = "".join(f"{text[s.start : s.end]};\n" for s in statements[:done] if is_setting(s))
    return (semicolon + 1 if semicolon >= 0 else len(text)), again


def _bookkeeping(checked: CheckedStep, down_sql: str | None) -> str:
    if checked.step.direction is Direction.DOWN:
        version = sql.Literal(values_of(checked.step.version)["version"])
        return sql.SQL("DELETE FROM public.schema_migrations WHERE version = {};").format(version).as_string()
    row: dict[str, object] = checked.row_with(down_sql) | {"duration_ms": 0}
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    values = sql.SQL(", ").join(map(sql.Literal, row.values()))
    finish = sql.SQL(
        ""
        if checked.step.progress is None
        else " ON CONFLICT (version) DO UPDATE SET ({}, state, executed_at, progress) = "
        "ROW ({}, 'applied', pg_catalog.now(), NULL)"
    ).format(columns, values)
    insert = sql.SQL("INSERT INTO public.schema_migrations ({}) VALUES ({}){};").format(columns, values, finish)
    return insert.as_string()
