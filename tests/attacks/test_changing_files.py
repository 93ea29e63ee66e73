"""Files that are not what they seem: changed while the tool runs, without a size, without an end, or no files."""

import os
import socket
from pathlib import Path

import pytest

from fowergram_db.cli.main import run
from fowergram_db.errors import FileFault, MigrationFailed
from fowergram_db.migrations.files.sql_file import read_file
from fowergram_db.migrations.files.stable_file import StableFile

# A sample of each set of cases, unless all are asked for.
pytestmark = pytest.mark.matrix(every=3)

DATA = "CREATE TABLE t (a text);\nCOPY t FROM stdin;\n" + "row of the file\n" * 400 + "\\.\n"
LINKS = [
    "/proc/sys/kernel/hostname",
    "/proc/self/status",
    "/proc/version",
    "/sys/kernel/mm/transparent_hugepage/enabled",
]


def with_time_put_back(path: Path, change) -> None:
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of the file system goes in steps
        change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(DATA.index("row of"))
        file.write(b"ROW OF")


def read_large(tmp_path: Path):
    path = tmp_path / "001_a.sql"
    path.write_text(DATA)
    file = read_file(path, in_memory=16)
    assert file.gaps
    return path, file


def data_of(file) -> str:
    return b"".join(file.data(file.gaps[0].at, file.gaps[0].at)).decode()


def test_changed_data_is_not_sent_although_the_modification_time_was_restored(tmp_path):
    path, file = read_large(tmp_path)
    with_time_put_back(path, overwrite)
    with pytest.raises(MigrationFailed, match="was changed while it was in use"):
        data_of(file)


@pytest.mark.parametrize(
    "change",
    [
        Path.unlink,
        Path.touch,
        lambda path: path.chmod(0o600),
        lambda path: path.rename(path.with_name("elsewhere")),
        lambda path: path.with_name("other").hardlink_to(path),
        lambda path: (path.with_name("other").write_text("another"), path.with_name("other").replace(path)),
        lambda path: path.write_text(DATA),
    ],
)
def test_unchanged_data_is_sent_whatever_happens_to_the_file(tmp_path, change):
    path, file = read_large(tmp_path)
    change(path)
    assert data_of(file) == "row of the file\n" * 400


def test_a_file_that_is_changed_while_it_is_read_is_not_read(tmp_path):
    path = tmp_path / "001_a.sql"
    path.write_text(DATA)
    chunks = StableFile(path).chunks(size=64)
    next(chunks)
    with_time_put_back(path, overwrite)
    with pytest.raises(FileFault, match="was changed"):
        list(chunks)


@pytest.mark.parametrize("target", LINKS)
def test_a_file_in_proc_is_no_empty_migration(target, tmp_path):
    if not Path(target).is_file():
        pytest.skip(f"there is no {target}")
    (tmp_path / "001_a.sql").symlink_to(target)
    with pytest.raises(FileFault, match=r"001_a\.sql cannot be read: it"):
        read_file(tmp_path / "001_a.sql")


def test_a_file_that_grows_while_it_is_read_is_an_error(tmp_path):
    path = tmp_path / "001_a.sql"
    path.write_text("")
    opened = StableFile(path)
    path.write_text("SELECT 1")
    with pytest.raises(FileFault, match="was changed"):
        list(opened.chunks())


def test_an_empty_file_is_empty(tmp_path):
    (tmp_path / "001_a.sql").touch()
    assert read_file(tmp_path / "001_a.sql").text == ""


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


no_files = pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        os.mkfifo,
        make_socket,
        lambda path: path.symlink_to("/dev/null"),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/dev/stdin"),
        lambda path: path.symlink_to("/dev/fd/0"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("/proc/self/mem/x"),
    ],
)


@no_files
def test_a_path_that_is_no_regular_file_is_refused_by_name_before_anything_runs(make, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # short enough for the name of a socket
    make(Path("001_a.sql"))
    assert run(["migrate", "--migrations-dir", ".", "--database-url", "postgresql://localhost:1/x"]) == 2
    assert capsys.readouterr().err.startswith("error: 001_a.sql cannot be read: ")


@no_files
def test_a_down_file_that_is_no_regular_file_is_refused_with_its_migration(make, tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    Path("001_a.sql").write_text("CREATE TABLE a ()", encoding="utf-8")
    make(Path("001_a.down.sql"))
    result = cli("migrate", "--migrations-dir", ".")
    assert result.exit_code == 2
    assert "error: 001_a.down.sql cannot be read: " in result.err
    assert cli("status", "--migrations-dir", ".").exit_code == 0
