"""The scanner: generated scripts are split into the same statements as by PostgreSQL's own parser."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pglast.parser import split

from fowergram_db.migrations.script.scanner import scan
from tests.unit.test_script import BODIES, statement_texts

GAPS = [";", " ; ", ";\n", ";\n-- comment; here\n", "; /* c ; */ ", ";;\n\t;", "\n;\r\n"]


@settings(max_examples=250, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(BODIES), st.sampled_from(GAPS)), max_size=8))
def test_generated_scripts_are_split_as_the_server_splits_them(pieces):
    text = "".join(body + gap for body, gap in pieces)
    assert statement_texts(text) == [piece.strip() for piece in split(text)]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aE'\"$;-/*\\()\n ไ1_", max_size=40))
def test_no_text_breaks_the_scanner(text):
    script = scan(text)
    places = [(s.start, s.end) for s in script.statements]
    assert places == sorted(places)
    assert all(start < end <= len(text) for start, end in places)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(places))


@pytest.mark.parametrize(
    "row",
    [
        "(1, 'it''s; text', E'a\\'b', $$x;$$, ((1 + 2) * 3), -1, \"c\"),\n",
        "((((((1 + 2))))))), \n",
        "((((((1 + 2\n",
        "a$b$c - -1 / 2 * 'x\n",
        "E'\\'\n'",
    ],
)
def test_one_statement_takes_time_in_proportion_to_its_length(row):
    def seconds(rows: int) -> float:
        text = "INSERT INTO t VALUES " + row * rows
        began = time.process_time()
        scan(text)
        return time.process_time() - began

    seconds(100)
    assert seconds(20_000) < 40 * max(seconds(2_000), 0.001)


def test_a_long_script_is_split_to_its_end():
    text = "INSERT INTO t VALUES (1, 'some text; more', now());\n" * 5_000
    assert len(scan(text).statements) == 5_000
