"""The scanner: the same statements as PostgreSQL's own parser, whatever they contain."""

import pytest
from pglast.parser import split

from fowergram_db.migrations.script.scanner import Trait, position, scan

BODIES = [
    "SELECT 1",
    r"SELECT 'C:\'",
    r"SELECT E'it\'s; \\'",
    "SELECT E'a\\''\n  'b\\'; c'",
    "SELECT E'a\\''  -- more\n 'b\\'; c'",
    "SELECT 'a'';b' , U&'d\\0061t;a', B'01', N'x;'",
    'SELECT "a;""b" FROM "ตาราง;"',
    "SELECT $$;$$, $tag$ $$ ; $tag$, $ไทย$;$ไทย$",
    "SELECT a$b$ FROM t$;".removesuffix(";"),
    "SELECT $1 + $2",
    "SELECT 5 - -3 /* outer /* inner ; */ ; */ + 1",
    "SELECT 1 -- not; here\n + 2",
    "SELECT 'กินข้าว;กับปลา'",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
    "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT 1 AS end; SELECT t.end FROM t; END",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$",
    "CREATE TABLE begin_atomic (id int, note text DEFAULT 'x;')",
    "SELECT array['a;b'], ('c;', (1))",
    "DO $do$ BEGIN PERFORM 1; END $do$",
    "SELECT type 'x;' FROM t",
]


def statement_texts(text: str) -> list[str]:
    return [text[statement.start : statement.end] for statement in scan(text).statements]


@pytest.mark.parametrize("body", BODIES)
def test_a_statement_is_split_as_the_server_splits_it(body):
    text = f"-- first\n{body};\nSELECT 2"
    assert statement_texts(text) == [body, "SELECT 2"]
    assert len(split(text)) == 2


@pytest.mark.parametrize(
    "text",
    ["SELECT 'open; SELECT 2;", 'SELECT "open; x', "SELECT $$ open; x", "SELECT 1 /* open; /* */ x", "SELECT E'\\'; x"],
)
def test_an_unterminated_quote_or_comment_takes_in_the_rest(text):
    assert len(scan(text).statements) == 1


@pytest.mark.parametrize("text", ["", "  \n", "-- only a comment", "/* only */", ";;;", "-- a\n;\n-- b"])
def test_a_script_without_statements(text):
    assert scan(text).statements == ()


@pytest.mark.parametrize(
    "text",
    [
        "COMMIT",
        "commit work",
        "  END;",
        "/* x */ ROLLBACK",
        "ROLLBACK AND CHAIN",
        "ABORT",
        "BEGIN",
        "begin ISOLATION LEVEL SERIALIZABLE",
        "START TRANSACTION",
        "PREPARE TRANSACTION 'x'",
        "COMMIT PREPARED 'x'",
        "ROLLBACK PREPARED 'x'",
    ],
)
def test_transaction_control_is_seen(text):
    (statement,) = scan(text).statements
    assert Trait.ENDS_TRANSACTION in statement.traits


@pytest.mark.parametrize(
    "text",
    [
        "SAVEPOINT a",
        "RELEASE a",
        "ROLLBACK TO a",
        "ROLLBACK WORK TO SAVEPOINT a",
        "PREPARE q AS SELECT 1",
        "SELECT 'COMMIT'",
        "DO $$ BEGIN COMMIT; END $$",
        'SELECT 1 AS "commit"',
        "COMMENT ON TABLE t IS 'COMMIT;'",
    ],
)
def test_text_that_only_looks_like_transaction_control_is_none(text):
    assert all(Trait.ENDS_TRANSACTION not in statement.traits for statement in scan(text).statements)


@pytest.mark.parametrize(
    ("text", "trait"),
    [
        ("COPY t FROM stdin", Trait.COPIES_FROM_CLIENT),
        ("copy public.t (a, b) from STDIN WITH (FORMAT csv)", Trait.COPIES_FROM_CLIENT),
        ("COPY (SELECT 1 FROM t) TO STDOUT", Trait.COPIES_TO_CLIENT),
    ],
)
def test_copy_with_the_client_is_seen(text, trait):
    assert scan(text).statements[0].traits == {trait}


@pytest.mark.parametrize(
    "text", ["COPY t FROM '/a/stdin'", "COPY t FROM PROGRAM 'x'", "COPY \"stdin\" TO '/x'", "COPY stdin FROM '/x'"]
)
def test_copy_on_the_server_is_an_ordinary_statement(text):
    assert scan(text).statements[0].traits == frozenset()


def test_copy_data_is_no_statement():
    text = "COPY t FROM stdin;\n1\tit's; $$\n\\N\t\\.x\n\\.\nSELECT 1;\n"
    script = scan(text)
    assert [s.words[0] for s in script.statements] == ["COPY", "SELECT"]
    assert [text[start:end] for start, end in script.data] == ["1\tit's; $$\n\\N\t\\.x\n"]


def test_meta_commands_are_found_at_their_places():
    text = "SELECT 1;\n\\connect other\nSELECT '\\d';\n\\q"
    assert [text[start:end] for start, end in scan(text).commands] == ["\\connect other", "\\q"]


def test_labels_name_the_command():
    labels = {
        "CREATE UNIQUE INDEX i ON t (a)": "CREATE UNIQUE INDEX",
        "create or replace function f() returns int": "CREATE OR REPLACE FUNCTION",
        "INSERT INTO t VALUES (1)": "INSERT INTO",
        "COMMENT ON COLUMN t.a IS 'x'": "COMMENT ON COLUMN",
        "WITH x AS (SELECT 1) SELECT 2": "WITH",
        "(SELECT 1)": "SELECT",
    }
    assert {text: scan(text).statements[0].label for text in labels} == labels


def test_numbers_and_positions():
    text = "SELECT 1;\n\n  SELECT 'ไทย' FROM nowhere;"
    script = scan(text)
    assert script.number_at(text.index("nowhere")) == 2
    assert position(text, text.index("nowhere")) == (3, 21)
