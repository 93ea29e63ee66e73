"""A large down file is read when files are read, and when its text is recorded; a plan and its checks read no disk."""

import pytest

from fowergram_db.errors import FileFault
from fowergram_db.migrations.engine.checks import check, check_all
from fowergram_db.migrations.engine.groups import GroupKind, group_steps
from fowergram_db.migrations.files.migration import MigrationFile
from fowergram_db.migrations.files.sql_file import read_file
from fowergram_db.migrations.history import History
from fowergram_db.migrations.plan import plan_up

DATA = "".join(f"{n}\n" for n in range(1000))
DOWN = f"DROP TABLE t;\nCOPY kept FROM stdin;\n{DATA}\\.\nSELECT 1;\n"


@pytest.fixture
def large(tmp_path):
    """Return migrations whose down files have their data on the disk."""

    def migrations(count: int, down: str = DOWN) -> tuple[MigrationFile, ...]:
        found = []
        for version in range(1, count + 1):
            up, undoes = tmp_path / f"{version}_t.sql", tmp_path / f"{version}_t.down.sql"
            up.write_text("CREATE TABLE t (id int);")
            undoes.write_text(down)
            found.append(MigrationFile(version, "t", f"c{version}", read_file(up), read_file(undoes, in_memory=10)))
        return tuple(found)

    return migrations


def test_a_plan_reads_no_down_file(large, monkeypatch):
    (file,) = large(1)
    monkeypatch.setattr("fowergram_db.migrations.files.sql_file.SqlFile.parts", None)
    (step,) = plan_up([file], History())
    assert step.down is file.down
    checked = check(step)
    assert [group.kind for group in group_steps([checked])] == [GroupKind.TRANSACTION]


def test_the_row_has_the_whole_down_file(large):
    (checked,) = check_all(plan_up(large(1), History()))
    assert checked.row["down_sql"] == DOWN


def test_a_down_file_that_has_changed_since_is_an_error_when_its_row_is_written(large):
    (file,) = large(1)
    (checked,) = check_all(plan_up([file], History()))
    file.down.path.write_text(DOWN.replace("999", "9999"))
    with pytest.raises(FileFault):
        checked.row["down_sql"]


def test_a_fault_after_the_data_of_a_down_file_is_found_before_anything_runs(large):
    (step,) = plan_up(large(1, f"{DOWN}\\echo bad\n"), History())
    with pytest.raises(FileFault, match="psql") as raised:
        check(step)
    assert (raised.value.location.line, raised.value.location.column) == (DOWN.count("\n") + 1, 1)


def test_steps_with_large_down_files_share_no_query(large):
    kinds = [group.kind for group in group_steps(check_all(plan_up(large(3), History())))]
    assert kinds == [GroupKind.TRANSACTION] * 3
