"""Reading a file: whatever is in a large one, it is read as it would be in memory."""

import hashlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from fowergram_db.migrations.script.scanner import position, scan
from tests.unit.test_sql_file import large, write

PARTS = [
    "SELECT 1;\n",
    "SELECT 'กิน; \\.\n\\.\n';\n",
    "-- copy t from stdin;\n",
    "/* COPY t FROM stdin;\n\\.\n*/\n",
    "DO $$ COPY t FROM stdin;\n\\.\n $$;\n",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;\n SELECT 2;\nEND;\n",
    "COPY t FROM stdin;\n1\ta;b\n2\tit's\n\\.\n",
    'copy t (a) from STDIN with (format csv); -- data\n"x\ny",\'\n \\.\n\\.x\n\\.\n',
    "COPY t FROM stdin;\n\\.\n",
    "COPY t FROM\n stdout;\n" + "ไทย\t;$$\n" * 40 + "\\.\n",
    "COPY t FROM stdin;\n\n\n\\.\n\\restrict x\n",
    "COPY t FROM stdin;\n\\.\\.\n\\\\.\na\\.\n\\.\n\n\n",
    "SELECT\n" + "1,\n" * 60 + "1;",
    "\n",
]

ENDS = [
    "",
    "COPY t FROM stdin;\n1\n2\n",
    "COPY t FROM stdin;\n1\n2",
    "COPY t FROM stdin;",
    "COPY t FROM stdin;\n1\n\\.",
]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), max_size=12),
    st.sampled_from(ENDS),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.integers(4, 400),
)
def test_a_large_file_is_what_it_would_be_in_memory(tmp_path_factory, parts, end, line_end, bom, window):
    text = "".join(parts) + end
    raw = bom + text.replace("\n", line_end).encode()
    file = large(write(tmp_path_factory.getbasetemp(), raw), window)
    whole, script = scan(text), scan(file.text)

    assert file.checksum == hashlib.sha256(text.encode()).hexdigest()
    assert file.raw_checksum == hashlib.sha256(raw).hexdigest()
    assert [(s.words, s.traits) for s in script.statements] == [(s.words, s.traits) for s in whole.statements]
    assert all(start == stop for start, stop in script.data)
    assert [b"".join(file.data(*place)).decode() for place in script.data] == [text[a:b] for a, b in whole.data]
    for ours, theirs in zip(script.statements, whole.statements, strict=True):
        assert file.position(ours.start) == position(text, theirs.start)
    for (our_start, _), (start, stop) in zip(script.data, whole.data, strict=True):
        if start < stop:
            assert file.position(our_start) == position(text, start)
    if not whole.data or "\\." in text[whole.data[-1][1] :]:
        assert file.whole_text() == text


def test_many_small_blocks_are_scanned_once(tmp_path):
    block = "COPY t FROM stdin;\n1\n\\.\n"
    file = large(write(tmp_path, block * 5_000), window=1 << 20)
    assert len(file.gaps) == 5_000
    number = random.Random(1).randrange(5_000)
    assert file.position(scan(file.text).statements[number].start) == (3 * number + 1, 1)
