"""The planner: every state, every goal, no database."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fowergram_db.errors import HistoryInconsistent, Refused, UnknownVersion, UsageError
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.directory import MigrationFile, read_migrations
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.history import AppliedMigration, History, MigrationProgress, RecordedState
from fowergram_db.migrations.migration_states import State, migration_states
from fowergram_db.migrations.plan import Direction, RollbackTarget, migrations_to_roll_back, plan_down, plan_up
from fowergram_db.migrations.status import Summary, summarize, summary_after


def file(version: int, text: str = "", *, down: str | None = "down") -> MigrationFile:
    up = SqlFile(Path(f"/m/{version}_m.sql"), text, Directives())
    undo = None if down is None else SqlFile(Path(f"/m/{version}_m.down.sql"), down, Directives())
    return MigrationFile(version, "m", up.checksum, up, undo)


def row(version: int, text: str = "", state: RecordedState = RecordedState.APPLIED) -> AppliedMigration:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return AppliedMigration(version, "m", f"{version}_m.sql", file(version, text).checksum, state, now, 1.0, 1, True)


def history(*rows: AppliedMigration) -> History:
    return History(rows, exists=True)


@pytest.mark.parametrize(
    ("files", "rows", "states"),
    [
        ([1, 2], [], {1: State.PENDING, 2: State.PENDING}),
        ([1, 2], [row(1)], {1: State.APPLIED, 2: State.PENDING}),
        ([1, 2], [row(2)], {1: State.OUT_OF_ORDER, 2: State.APPLIED}),
        ([2], [row(1), row(2)], {1: State.MISSING, 2: State.APPLIED}),
        ([1], [row(1, "other")], {1: State.CHANGED}),
        ([1], [row(1, "", RecordedState.PARTIAL)], {1: State.PARTIAL}),
        ([], [row(1, "", RecordedState.PARTIAL)], {1: State.PARTIAL}),
    ],
)
def test_each_state_of_a_migration_follows_from_files_and_history(files, rows, states):
    assert {m.version: m.state for m in migration_states(map(file, files), history(*rows))} == states


def test_a_partial_migration_that_a_run_does_not_reach_is_neither_applied_nor_pending():
    files = list(map(file, (1, 2, 3, 4)))
    before = history(row(1), replace(row(3, "", RecordedState.PARTIAL), progress=MigrationProgress("up", (), 1)))
    steps = plan_up(files, before, to=2, out_of_order=True)
    assert summary_after(files, before, steps) == Summary((1, 2), (4,))
    assert summarize(migration_states(files, before)) == Summary((1,), (2, 4))
    assert summary_after(files, before, plan_up(files, before, out_of_order=True)) == Summary((1, 2, 3, 4), ())
    assert summary_after(files, history(row(1), row(2)), plan_down(files, [row(2)], {})) == Summary((1,), (2, 3, 4))


@pytest.mark.parametrize("raw", [b"SELECT 1;\r\n", b"\xef\xbb\xbfSELECT 1;\n"])
def test_the_checksum_of_a_files_bytes_is_accepted_too(tmp_path, raw):
    for name in ("1_m.sql", "1_m.down.sql"):
        (tmp_path / name).write_bytes(raw)
    files = read_migrations(tmp_path)
    for recorded, state in ((raw, State.APPLIED), (b"SELECT 1;\n", State.APPLIED), (b"SELECT 2;\n", State.CHANGED)):
        applied = replace(row(1), checksum=hashlib.sha256(recorded).hexdigest())
        (migration,) = migration_states(files, history(applied))
        (step,) = plan_down(files, [applied], {1: "recorded"})
        assert (migration.state, step.is_file) == (state, state is State.APPLIED)


def test_up_applies_pending_migrations_in_order_up_to_the_target():
    files = [file(1), file(3), file(20)]
    assert [step.version for step in plan_up(files, history(row(1)))] == [3, 20]
    assert [step.version for step in plan_up(files, history(row(1)), to=3)] == [3]
    assert plan_up(files, history(row(1), row(3)), to=1) == ()


def test_up_records_the_down_script():
    (step,) = plan_up([file(1, "up", down="undo it")], History())
    assert (step.direction, step.text, step.down.text) == (Direction.UP, "up", "undo it")


def test_the_error_for_an_unknown_target_version_lists_the_versions():
    with pytest.raises(UnknownVersion) as caught:
        plan_up([file(1), file(7)], History(), to=2)
    assert "1, 7" in caught.value.hint


@pytest.mark.parametrize(
    ("files", "rows", "word"),
    [
        ([1], [row(1, "other"), row(2)], "edited"),
        ([1], [row(1), row(2)], "gone"),
        ([1, 2], [row(2)], "below the newest"),
        ([1, 2], [row(1, "", RecordedState.PARTIAL)], "midway"),
    ],
)
def test_up_refuses_an_inconsistent_history(files, rows, word):
    with pytest.raises(HistoryInconsistent, match=word) as caught:
        plan_up([file(n) for n in files], history(*rows))
    assert caught.value.hint


def test_out_of_order_can_be_allowed():
    steps = plan_up([file(1), file(2), file(3)], history(row(2)), out_of_order=True)
    assert [step.version for step in steps] == [1, 3]


@pytest.mark.parametrize(
    ("undo", "versions"),
    [
        (RollbackTarget(), [3]),
        (RollbackTarget(2), [3, 2]),
        (RollbackTarget(9), [3, 2, 1]),
        (RollbackTarget(to=0), [3, 2, 1]),
        (RollbackTarget(to=2), [3]),
        (RollbackTarget(to=3), []),
        (RollbackTarget(to=7), []),
    ],
)
def test_down_rolls_back_newest_first_down_to_the_target(undo, versions):
    files = [file(1), file(2), file(7)]
    rows = migrations_to_roll_back(files, history(row(1), row(2), row(3)), undo)
    assert [r.version for r in rows] == versions


@pytest.mark.parametrize("undo", [RollbackTarget(0), RollbackTarget(-1)])
def test_less_than_one_step_is_no_rollback(undo):
    with pytest.raises(UsageError):
        migrations_to_roll_back([], history(row(1)), undo)


def test_down_to_an_unknown_version_is_refused():
    with pytest.raises(UnknownVersion):
        migrations_to_roll_back([file(1)], history(row(1)), RollbackTarget(to=5))


def test_down_of_a_half_applied_migration_is_refused():
    with pytest.raises(HistoryInconsistent):
        migrations_to_roll_back([], history(row(1, "", RecordedState.PARTIAL)), RollbackTarget())


@pytest.mark.parametrize(
    ("files", "source", "is_file"),
    [
        ([file(1)], "/m/1_m.down.sql", True),
        ([file(1, "edited")], "recorded", False),
        ([file(1, down=None)], "recorded", False),
        ([], "recorded", False),
    ],
)
def test_down_uses_a_matching_down_file_or_else_the_recorded_script(files, source, is_file):
    (step,) = plan_down(files, [row(1)], {1: "recorded"})
    assert source in step.source
    assert step.is_file is is_file
    assert step.text == ("down" if is_file else "recorded")


def test_down_without_any_script_is_refused_with_the_reason():
    irreversible = SqlFile(Path("/m/1_m.sql"), "", Directives(irreversible="the data is gone"))
    files = [MigrationFile(1, "m", irreversible.checksum, irreversible)]
    with pytest.raises(Refused, match="the data is gone"):
        plan_down(files, [row(1)], {})
    with pytest.raises(Refused, match="without a down script"):
        plan_down([], [row(1)], {})
