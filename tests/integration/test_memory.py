"""How much memory the reading of files takes."""

import tracemalloc

from fowergram_db.migrations.files.sql_file import read_file
from fowergram_db.migrations.script.scanner import scan


def test_a_statement_among_many_takes_little_memory():
    text = "INSERT INTO t VALUES (1, 'some text');\n" * 20_000
    tracemalloc.start()
    try:
        script = scan(text)
        assert tracemalloc.get_traced_memory()[1] / len(script.statements) < 250
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_however_large_the_data_is(tmp_path):
    path = tmp_path / "1_a.sql"
    row = b"1\tsome text; it's $$ not /* SQL\t\\N\n"
    with path.open("wb") as file:
        file.write(b"COPY t FROM stdin;\n")
        for _ in range(24):
            file.write(row * 30_000)
        file.write(b"\\.\n")
    size = path.stat().st_size
    assert size > 24_000_000
    tracemalloc.start()
    try:
        read = read_file(path)
        assert sum(map(len, read.data(*scan(read.text).data[0]))) == size - len(read.text)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
