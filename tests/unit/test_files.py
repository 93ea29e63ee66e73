"""Migration files: what is found, what is read, and what is refused before anything runs."""

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from fowergram_db.errors import ConfigurationError, FileFault, UsageError
from fowergram_db.migrations.files.directives import Directives, parse_directives
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.files.new import write_migration
from fowergram_db.migrations.files.script_faults import read_script


@pytest.fixture
def put(tmp_path):
    def write(**files: str | bytes) -> Path:
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            (tmp_path / f"{name}.sql").write_bytes(raw)
        return tmp_path

    return write


def check(text: str) -> None:
    read_script("f", text, parse_directives("f", text))


def fault(directory: Path) -> FileFault:
    with pytest.raises(FileFault) as caught:
        read_migrations(directory)
    assert caught.value.hint
    return caught.value


def test_all_layouts_are_read_in_numeric_order(put):
    directory = put(
        **{
            "004_d": "SELECT 4",
            "000003_c.up": "SELECT 3",
            "000003_c.down": "SELECT -3",
            "2_b": "SELECT 2",
            "2_b.down": "SELECT -2",
            "010_ตาราง ใหม่": "",
        }
    )
    files = read_migrations(directory)
    assert [(f.version, f.name, f.reversible) for f in files] == [
        (2, "b", True),
        (3, "c", True),
        (4, "d", False),
        (10, "ตาราง ใหม่", False),
    ]


def test_other_files_are_left_alone(put, tmp_path):
    put(**{"1_a": ""})
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "notes.sql.bak").write_text("x")
    (tmp_path / "sub").mkdir()
    assert len(read_migrations(tmp_path)) == 1


@pytest.mark.parametrize(
    "name", ["init", "001", "_x", "x_001", "1_", "1-", "001_.up", "001_x.citus", "-1_x", "١_x", "001.x", "2026-06-17_x"]
)
def test_a_name_that_fits_nothing_is_refused(put, name):
    assert name in fault(put(**{name: ""})).message


def test_a_version_may_be_zero_and_beyond_bigint(put):
    names = {"000_a": "", "1-b": "", "9223372036854775807_c": ""}
    assert [file.version for file in read_migrations(put(**names))] == [0, 1, 2**63 - 1]
    files = read_migrations(put(**{"9223372036854775808_d": "", "9" * 200 + "_e": "", "02_f": ""}))
    assert [str(file.version) for file in files] == ["0", "1", "2", str(2**63 - 1), str(2**63), "9" * 200]


@pytest.mark.parametrize(
    "names", [("1_a", "1_b"), ("1_a", "001_a"), ("1_a", "1_a.up"), ("1_a.down", "01_a.down"), ("1_a", "2_b.down")]
)
def test_versions_that_clash_or_lack_their_partner_are_refused(put, names):
    fault(put(**dict.fromkeys(names, "")))


def test_partners_must_have_one_name(put):
    assert "different names" in fault(put(**{"1_a": "", "1_b.down": ""})).message


def test_upper_case_endings_do_not_hide_a_file(tmp_path):
    (tmp_path / "1_a.SQL").write_text("SELECT 1")
    assert read_migrations(tmp_path)[0].version == 1


def test_the_checksum_is_that_of_lf_text_without_bom(put):
    directory = put(
        **{"1_a": "SELECT 1;\nSELECT 2;\n", "2_a": b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n", "3_a": "SELECT 1;\rx"}
    )
    one, two, three = (file.checksum for file in read_migrations(directory))
    assert one == two == hashlib.sha256(b"SELECT 1;\nSELECT 2;\n").hexdigest()
    assert three == hashlib.sha256(b"SELECT 1;\rx").hexdigest()


def test_invalid_utf8_is_refused_with_its_place(put):
    error = fault(put(**{"1_a": "SELECT 'ก';\r\nSELECT '".encode() + b"\xff'"}))
    assert (error.location.line, error.location.column) == (2, 9)
    assert "0xff" in error.message


@pytest.mark.parametrize("text", ["SELECT 1;\nSEL\0ECT 2;", "SELECT 1".encode("utf-16-le")])
def test_a_nul_byte_is_refused_with_its_place(put, text):
    error = fault(put(**{"1_a": text}))
    assert "NUL" in error.message
    assert error.location.line


def test_an_unreadable_file_is_refused(tmp_path):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "1_a.sql").touch(mode=0o000)
        with another_user():
            assert "cannot be read: Permission denied" in fault(directory).message
    (tmp_path / "1_a.sql").mkdir()
    assert "cannot be read" in fault(tmp_path).message


@contextmanager
def another_user():
    """Be a user without root's rights for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_missing_and_an_empty_directory_are_refused(tmp_path):
    for directory, word in ((tmp_path / "none", "cannot be read"), (tmp_path, "no migrations")):
        with pytest.raises(ConfigurationError, match=word) as caught:
            read_migrations(directory)
        assert "--migrations-dir" in caught.value.hint


def test_directives_are_read_from_the_header():
    text = "\n-- What it does.\n--fowergram: lock-timeout=500ms\n  -- fowergram: statement-timeout=10min\n\nSELECT 1"
    assert parse_directives("f", text) == Directives(500, 600_000)
    assert parse_directives("f", "-- fowergram: irreversible: data is gone") == Directives(irreversible="data is gone")
    assert parse_directives("f", "-- fowergram: lock-timeout=0").lock_timeout_ms == 0


@pytest.mark.parametrize(
    "directive",
    ["lock-timeout", "lock-timeout=2", "lock-timeout=2 weeks", "lock-timeout=9999h", "irreversible", "irreversible: ",
     "nonsense", "", "No-Transaction"],
)  # fmt: skip
def test_a_directive_that_means_nothing_is_refused(directive):
    with pytest.raises(FileFault) as caught:
        parse_directives("f", f"-- x\n-- fowergram: {directive}\n")
    assert caught.value.location.line == 2


def test_a_directive_said_twice_is_refused():
    with pytest.raises(FileFault, match="twice"):
        parse_directives("f", "-- fowergram: lock-timeout=1s\n-- fowergram: lock-timeout=2s\n")


@pytest.mark.parametrize("before", ["SELECT 1;\n", "/* header */\n"])
def test_a_directive_below_the_header_is_an_error(before):
    with pytest.raises(FileFault, match="below the header"):
        check(f"{before}-- fowergram: lock-timeout=1s\nSELECT 2;")


def test_text_that_only_looks_like_a_directive_is_none():
    check("SELECT '\n-- fowergram: nonsense';\n-- see fowergram: the app\n")


def test_irreversible_and_a_down_file_contradict_each_other(put):
    assert "irreversible" in fault(put(**{"1_a": "-- fowergram: irreversible: x", "1_a.down": "SELECT 1;"})).message


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("SELECT 1;\n  COMMIT;", (2, 3), "COMMIT"),
        ("SELECT 1;\n\\i other.sql\n", (2, 1), r"\\i"),
        ("SELECT 1; COPY t FROM stdin; SELECT 2;\n1\n\\.\n", (1, 30), "stdin"),
        ("SELECT 1;\nVACUUM;", (2, 1), "VACUUM"),
        ("CREATE INDEX CONCURRENTLY i ON t (a);", (1, 1), "CREATE INDEX"),
        ("REINDEX (VERBOSE) TABLE CONCURRENTLY t;", (1, 1), "REINDEX"),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY;", (1, 1), "ALTER TABLE"),
        ("COPY t TO STDOUT;", (1, 1), "stdout"),
        ("\\d\nCOMMIT;", (1, 1), r"\\d"),
    ],
)
def test_what_cannot_run_as_one_transaction_is_refused_with_its_place(text, place, word):
    with pytest.raises(FileFault, match=word) as caught:
        check(text)
    assert (caught.value.location.line, caught.value.location.column) == place


def test_new_continues_the_numbers_in_their_width(put):
    directory = put(**{"0001_a": "", "0009_b": ""})
    up, down = write_migration(directory, "Add reactions & หัวใจ!")
    assert (up.name, down.name) == ("0010_add_reactions_หัวใจ.sql", "0010_add_reactions_หัวใจ.down.sql")
    assert not read_migrations(directory)[-1].reversible
    down.write_text("SELECT 1;")
    assert read_migrations(directory)[-1].reversible


def test_new_makes_the_first_of_a_new_directory(tmp_path):
    assert write_migration(tmp_path / "a/b", "x")[0].name == "001_x.sql"


def test_new_refuses_a_name_without_words(tmp_path):
    with pytest.raises(Exception, match="not a name"):
        write_migration(tmp_path, " /-! ")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:sesame@h",
        "u:sesame@h",
        "postgresql:/u:sesame@h",
        "host=h password='a sesame'",
        "DB_PASSWORD=sesame",
    ],
)
def test_no_password_gets_into_a_new_migration_or_its_path(tmp_path, text):
    for directory, name in ((tmp_path, text), (tmp_path / text, "x"), (tmp_path, f"connect {text}")):
        with pytest.raises(UsageError) as caught:
            write_migration(directory, name)
        assert "sesame" not in f"{caught.value} {caught.value.hint}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Add password column", "mail me@work", "a:b", "10:30", "PASSWORD policy"])
def test_a_name_that_speaks_of_passwords_is_a_name(tmp_path, name):
    assert len(write_migration(tmp_path, name)) == 2
