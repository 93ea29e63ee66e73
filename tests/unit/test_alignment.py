"""Files and history of two types are brought to one; rows keep what is recorded of them, and their order."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fowergram_db.migrations.alignment import align, table_changes
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.history import AppliedMigration, History, RecordedState
from fowergram_db.migrations.migration_states import State, migration_states
from fowergram_db.migrations.version import TextVersion, Version, VersionType, dotted


def file(name: str, version: Version, tool: str = "") -> MigrationFile:
    up = SqlFile(Path(f"/m/{name}"), "", Directives())
    return MigrationFile(version, name, up.checksum, up, tool=tool)


def row(name: str, version: Version) -> AppliedMigration:
    checksum, now = file(name, version).checksum, datetime(2026, 1, 1, tzinfo=UTC)
    return AppliedMigration(version, name, name, checksum, RecordedState.APPLIED, now, 1.0, 1, True)


def text(version: str) -> TextVersion:
    return TextVersion(dotted(version), version, int(version) if version.isdecimal() else None)


def history(*rows: AppliedMigration) -> History:
    is_number = all(isinstance(each.version, int) for each in rows)
    return History(rows, exists=True, version_type=VersionType.NUMBER if is_number else VersionType.TEXT)


def states(files: list[MigrationFile], recorded: History) -> list[tuple[str, State]]:
    return [(str(m.version), m.state) for m in migration_states(*align(files, recorded))]


def test_numbers_are_left_alone():
    files, recorded = [file("1_a.sql", 1), file("2_b.sql", 2)], history(row("1_a.sql", 1), row("gone.sql", 7))
    assert align(files, recorded) == (tuple(files), recorded)
    assert table_changes(*align(files, recorded)) == ()


def test_numbers_become_the_versions_of_their_files():
    files = [file("V1__a.sql", text("1"), "Flyway"), file("V1.5__x.sql", text("1.5"), "Flyway"),
             file("V2.0__b.sql", TextVersion(dotted("2"), "2.0", 2), "Flyway")]  # fmt: skip
    recorded = history(row("V1__a.sql", 1), row("renamed.sql", 2), row("V30__gone.sql", 30))
    assert states(files, recorded) == [
        ("1", State.APPLIED), ("1.5", State.OUT_OF_ORDER), ("2.0", State.APPLIED), ("30", State.MISSING),
    ]  # fmt: skip
    found, aligned = align(files, recorded)
    assert [each.recorded_version for each in aligned.applied] == [1, 2, 30]
    to_text, renumber = table_changes(found, aligned)
    assert "TYPE text" in to_text
    assert "V30__gone.sql" in renumber


def test_texts_become_numbers_where_all_are():
    files = [file("V1__a.sql", 1, "Flyway"), file("V2__b.sql", 2, "Flyway")]
    recorded = history(row("V1__a.sql", text("1.0")), row("V2__b.sql", text("2")), row("V3.0__c.sql", text("3.0")))
    assert states(files, recorded) == [("1", State.APPLIED), ("2", State.APPLIED), ("3", State.MISSING)]
    assert "TYPE bigint" in table_changes(*align(files, recorded))[-1]


@pytest.mark.parametrize("gone", ["1.5", "99999999999999999999"])
def test_texts_stay_where_one_is_no_number(gone):
    files = [file("V1__a.sql", 1, "Flyway"), file("V2__b.sql", 2, "Flyway")]
    recorded = history(row("V1__a.sql", text("1")), row(f"V{gone}__x.sql", text(gone)), row("V2__b.sql", text("2")))
    found, aligned = align(files, recorded)
    assert {str(each.version) for each in found} == {"1", "2"}
    assert {state for _, state in states(files, recorded)} == {State.APPLIED, State.MISSING}
    assert table_changes(found, aligned) == ()


def test_two_migrations_with_one_number_are_not_confused():
    files = [file("1_b.sql", 1, "sql-migrate")]
    recorded = history(*(row(f"{name}.sql", TextVersion(f"0011 {name}.sql", name)) for name in ("1_a", "1_b")))
    assert states(files, recorded) == [("1_a", State.MISSING), ("1_b", State.APPLIED)]


def test_a_place_in_a_journal_that_has_moved_is_recorded_again():
    files = [file("new.sql", TextVersion("0010", "new"), "drizzle"), file("a.sql", TextVersion("0011", "a"), "drizzle")]
    found, aligned = align(files, history(row("a.sql", TextVersion("0010", "a"))))
    assert [str(version) for (version,) in ((each.version,) for each in found)] == ["new", "a"]
    assert "0011" in table_changes(found, aligned)[0]
