"""Reading a file: small ones whole, of large ones everything but the data of COPY."""

import hashlib
import os
from dataclasses import replace

import pytest

from fowergram_db.errors import FileFault, MigrationFailed
from fowergram_db.migrations.files.copy_streaming import read_large
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.script_faults import read_script
from fowergram_db.migrations.files.sql_file import SqlFile, decode, read_file
from fowergram_db.migrations.files.stable_file import StableFile
from fowergram_db.migrations.script.scanner import scan


def write(directory, raw: bytes | str):
    path = directory / "1_a.sql"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return path


def large(path, window: int = 64) -> SqlFile:
    opened = StableFile(path)
    found = read_large(opened, window)
    return SqlFile(path, found.text, Directives(), found.gaps, found.checksum, found.raw_checksum, opened)


def test_data_without_its_end_does_not_get_one(tmp_path):
    file = large(write(tmp_path, "COPY t FROM stdin;\n1\n2"))
    assert file.whole_text() == "COPY t FROM stdin;\n1\n2\n"
    with pytest.raises(FileFault, match="does not end"):
        read_script("f", file.text, file.directives, file.gaps)


def test_a_small_file_is_read_whole(tmp_path):
    text = "COPY t FROM stdin;\n1\n2\n\\.\n"
    file = read_file(write(tmp_path, text))
    assert (file.text, file.gaps, file.whole_text()) == (text, (), text)
    assert b"".join(file.data(*scan(text).data[0])) == b"1\n2\n"


def test_the_limit_decides_what_is_large(tmp_path):
    path = write(tmp_path, "COPY t FROM stdin;\n1\n2\n\\.\n")
    assert read_file(path, in_memory=path.stat().st_size).gaps == ()
    assert read_file(path, in_memory=path.stat().st_size - 1).text == "COPY t FROM stdin;\n\\.\n"


def test_checksums_are_those_of_the_text_where_there_is_no_file(tmp_path):
    file = SqlFile(tmp_path, "SELECT 'ก'", Directives())
    assert file.checksum == file.raw_checksum == hashlib.sha256("SELECT 'ก'".encode()).hexdigest()
    assert replace(file, text="x").checksum == file.checksum


def test_raw_checksums_are_those_of_the_bytes(tmp_path):
    raw = b"\xef\xbb\xbfSELECT 1;\r\n"
    file = read_file(write(tmp_path, raw))
    assert file.raw_checksum == hashlib.sha256(raw).hexdigest()
    assert file.checksum == hashlib.sha256(b"SELECT 1;\n").hexdigest()


def test_data_comes_in_chunks_of_bounded_size(tmp_path):
    text = "COPY t FROM stdin;\n" + "กขค\r\n" * 100_000 + "\\.\n"
    path = write(tmp_path, text)
    normal = text.replace("\r\n", "\n")
    for limit in (0, 1 << 30):
        file = read_file(path, in_memory=limit)
        chunks = list(file.data(*scan(file.text).data[0]))
        assert b"".join(chunks) == normal[19:-3].encode()
        assert max(map(len, chunks)) <= 256 * 1024


@pytest.mark.parametrize("window", [4, 7, 64, 5_000])
@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xe0\xb8", b"\0", b"\xe0\0\xb8", b"\xed\xa0\x80", b"\xe0\xb8x", "SELECT 1".encode("utf-16-le")]
)
@pytest.mark.parametrize("before", ["", "SELECT 'ก';\r\n" * 30 + "ไท"])
def test_what_is_no_text_is_refused_at_the_same_place_in_large_and_small_files(tmp_path, window, bad, before):
    raw = b"\xef\xbb\xbf" + before.encode() + bad
    path = write(tmp_path, raw)
    with pytest.raises(FileFault) as small:
        decode(path, raw)
    with pytest.raises(FileFault) as streamed:
        large(path, window)
    assert streamed.value.location.line == small.value.location.line
    if bad != b"\xe0\0\xb8":
        assert (streamed.value.message, streamed.value.hint) == (small.value.message, small.value.hint)
        assert streamed.value.location == small.value.location


def test_a_file_that_changes_after_it_was_read_is_not_sent(tmp_path):
    path = write(tmp_path, "COPY t FROM stdin;\n" + "1\n" * 300_000 + "\\.\n")
    file = read_file(path, in_memory=0)
    chunks = file.data(*scan(file.text).data[0])
    next(chunks)
    with path.open("ab") as changing:
        changing.write(b"SELECT 1;\n")
    with pytest.raises(MigrationFailed, match="changed"):
        next(chunks)
    with pytest.raises(MigrationFailed, match="changed"):
        next(file.data(*scan(file.text).data[0]))
    with pytest.raises(FileFault, match="changed"):
        file.whole_text()


def test_a_file_that_was_written_over_is_not_sent(tmp_path):
    path = write(tmp_path, "COPY t FROM stdin;\n1\n\\.\n")
    file = read_file(path, in_memory=0)
    seen = path.stat()
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))
    with pytest.raises(MigrationFailed, match="changed"):
        next(file.data(*scan(file.text).data[0]))


def test_a_file_that_was_deleted_or_replaced_is_still_what_was_read(tmp_path):
    path = write(tmp_path, "COPY t FROM stdin;\n1\n\\.\n")
    file = read_file(path, in_memory=0)
    path.unlink()
    path.write_text("COPY t FROM stdin;\n2\n\\.\n")
    assert b"".join(file.data(*scan(file.text).data[0])) == b"1\n"
