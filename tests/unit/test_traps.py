"""The traps that splitters of SQL are known to fall into; and COPY data, which ends where psql ends it."""

import pytest
from pglast.parser import split

from fowergram_db.migrations.script.scanner import Trait, scan

TRAPS = {
    "nested comments": "/* outer /* inner */ ; DROP TABLE users; */ SELECT 1",
    "a backslash at the end of a string": "SELECT 'C:\\' , ';'",
    "an escaped quote": "SELECT E'\\'' , ';', e'\\';\\\\'",
    "a word that ends in e": "SELECT type'\\' , ';' FROM t",
    "Unicode escapes": "SELECT U&'\\\\;' , U&\"d\\0061;\"",
    "a string that continues in the next line": "SELECT 'a'\n';b'",
    "an escape string that continues": "SELECT E'a' -- it's\n '\\';'",
    "a standard string that continues": "SELECT 'a'\n'\\' , ';'",
    "different dollar quotes": "SELECT $a$ $b$ ; $b$ ' $$ $a$",
    "the end of a dollar quote in capitals": "SELECT $a$;$A$;$a$",
    "a dollar quote in a dollar quote": "DO $do$ BEGIN EXECUTE $$;$$; END $do$",
    "parameters are no dollar quotes": "SELECT $1, ';', $1",
    "dollars in identifiers": "SELECT a$b, a$$b, b$1$ FROM t$$",
    "dollars after plain text": "SELECT 1, 2, 3, 4, 5, a$$b, ไ$$, x1$y$",
    "a semicolon in parentheses": "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2;)",
    "a comment in a string": "SELECT '-- ; ' || '/* ;'",
    "a string in a comment": "SELECT 1 -- it's; \n , /* ' ; */ 2",
    "operators in front of comments": "SELECT 1 +-- it's;\n 2 */* ; */ 3",
    "a body": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "no statement in a body": "CREATE PROCEDURE p() BEGIN ATOMIC END",
    "CASE in a body": "CREATE PROCEDURE p() BEGIN ATOMIC SELECT CASE CASE 1 WHEN 1 THEN 2 END WHEN 2 THEN 3 END; END",
    "END as a name in a body": "CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1 AS end; SELECT t.end, 2 end FROM t; END",
    "CASE as a name in a body": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 case; END",
    "BEGIN and ATOMIC as names in a body": "CREATE PROCEDURE p() BEGIN ATOMIC SELECT begin atomic FROM t; END",
    "ATOMIC in front of END": "CREATE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN a THEN atomic END; END",
    "a body in a body": "CREATE PROCEDURE p() BEGIN ATOMIC CREATE PROCEDURE q() BEGIN ATOMIC SELECT 1; END; END",
    "names that look like a body": 'CREATE TABLE "begin atomic" (begin int, atomic int)',
    "CRLF": "SELECT 1 -- a;\r\n, 2",
    "the CR of an old Mac": "SELECT 1 -- a;\r, 2",
    "a no-break space is part of a name": "SELECT 1 AS a\u00a0e'\\;'".replace("e'\\;'", ""),
    "quoted names": 'SELECT 1 AS "a;""b", 2 AS "--", 3 AS "\'"',
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_one_statement_as_for_libpg_query(trap):
    body = TRAPS[trap]
    text = f"SELECT 0;\n{body};SELECT 2"
    assert len(split(text)) == 3
    bare = body.removeprefix("/* outer /* inner */ ; DROP TABLE users; */ ")
    assert [text[s.start : s.end] for s in scan(text).statements] == ["SELECT 0", bare, "SELECT 2"]


@pytest.mark.parametrize("end", ["-- the end; of it", "/* ; */", "-- it's", "--", "/* open ; ", "\\"])
def test_text_at_the_end_without_a_line_break_is_no_statement(end):
    assert len(scan(f"SELECT 1; {end}").statements) == 1


@pytest.mark.parametrize(
    "text",
    [
        "COPY t /* from */ FROM -- ; stdout\n /* c */ StdIn",
        'COPY "stdin" FROM stdin',
        'COPY "from" FROM stdin',
        "COPY stdin (stdout) FROM stdin DELIMITER ';' NULL ''",
        "COPY t FROM stdin (FORMAT csv, QUOTE '''', HEADER) WHERE a > 1",
        "COPY t FROM stdout",
    ],
)
def test_data_follows_every_copy_from_the_client(text):
    script = scan(f"{text};\n1;\n\\.\nSELECT 2")
    assert script.statements[0].traits == {Trait.COPIES_FROM_CLIENT}
    assert len(script.data) == 1
    assert len(script.statements) == 2


@pytest.mark.parametrize(
    "text",
    [
        "DO $$ COPY t FROM stdin; $$",
        "SELECT 'COPY t FROM stdin;'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'COPY t FROM stdin;'",
        "COPY stdin FROM 'stdin'",
        "COPY (SELECT a FROM stdin) TO '/x'",
        "COPY \"x\" FROM PROGRAM 'stdin'",
        "-- COPY t FROM stdin;\nSELECT 1",
    ],
)
def test_no_data_follows_what_only_mentions_it(text):
    script = scan(f"{text};\nSELECT 2")
    assert script.data == ()
    assert len(script.statements) == 2


def test_copy_data_is_distinguished_from_sql_whatever_it_contains():
    data = "; ' $$ /*\n\\.x\n \\.\n\n"
    text = f"COPY t FROM stdin; -- a comment\n{data}\\.\nSELECT 1; COPY u FROM stdin;\n\\.\nSELECT 2"
    script = scan(text)
    assert [text[start:end] for start, end in script.data] == [data, ""]
    assert [s.words[0] for s in script.statements] == ["COPY", "SELECT", "COPY", "SELECT"]


@pytest.mark.parametrize("end", ["\n", "", "\n\\.", "\n\\.\n"])
def test_copy_data_may_go_to_the_end_of_the_text(end):
    text = f"COPY t FROM stdin;\n1{end}"
    ((start, stop),) = scan(text).data
    assert text[start:stop].rstrip() == "1"


@pytest.mark.parametrize("text", ["COPY t FROM stdin;", "COPY t FROM stdin", "COPY t FROM stdin -- x"])
def test_a_copy_at_the_end_has_a_block_without_data(text):
    (piece,) = scan(text).pieces()
    assert (piece.text, piece.data) == ("COPY t FROM stdin;", (len(text), len(text)))


def test_the_end_of_data_may_have_a_carriage_return():
    text = "COPY t FROM stdin;\r\n1\r\n\\.\r\nSELECT 1;"
    script = scan(text)
    assert [text[start:end] for start, end in script.data] == ["1\r\n"]
    assert (len(script.statements), script.commands) == (2, ())


def test_a_script_is_sent_in_pieces_that_end_in_a_copy():
    text = "\\restrict k\nSELECT 1;COPY t FROM stdin -- x\n ; -- y\n1\n\\.\n-- z\nSELECT 2;\n\\unrestrict k\n"
    first, second = scan(text).pieces()
    assert (first.start, first.text) == (0, "           \nSELECT 1;COPY t FROM stdin;")
    assert first.data is not None
    assert text[slice(*first.data)] == "1\n"
    assert (second.text, second.data) == ("\n-- z\nSELECT 2;\n             \n", None)
    assert text.startswith("\n-- z", second.start)


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("-- x", 0), ("SELECT 1", 1), ("COPY t FROM stdin;\n\\.\n-- x\n", 1), ("\\restrict k", 0), (";;", 0)],
)
def test_only_what_holds_a_statement_is_a_piece(text, count):
    assert len(list(scan(text).pieces())) == count


def test_a_long_script_is_split_after_statements():
    text = "SELECT 1; /* x */ SELECT 22; -- y\nSELECT 333;\nCOPY t FROM stdin;\n1\n\\.\nSELECT 4; SELECT 5"
    script = scan(text)
    found = list(script.pieces(12))
    assert [piece.text for piece in found] == [
        "SELECT 1; /* x */ ",
        "SELECT 22; -- y\n",
        "SELECT 333;\n",
        "COPY t FROM stdin;",
        "\nSELECT 4; SELECT 5",
    ]
    assert all(text.startswith(piece.text.removesuffix(";"), piece.start) for piece in found)
    assert [piece.data is None for piece in found] == [True, True, True, False, True]


def test_a_statement_that_is_longer_than_a_piece_stays_whole():
    text = f"SELECT 1; SELECT '{50 * 'x'}'; SELECT 2"
    assert [piece.text for piece in scan(text).pieces(12)] == [text[: text.index("SELECT 2")], "SELECT 2"]
