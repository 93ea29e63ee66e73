"""Every name in shipped SQL says its schema, except where no schema of another role can be searched."""

import re
from collections.abc import Iterator

import pytest
from pglast import ast, parse_plpgsql, parse_sql
from pglast.visitors import Visitor

from tests.attacks import shipped

_TABLES = "dbmate diesel flyway golang_migrate goose run_migrations_sh sqitch sql_migrate sqlx".split()
_TABLES += ["by_column", "prisma", "renumber", "summary"]
_PLACEHOLDERS = dict.fromkeys(_TABLES, "public.t") | {"slow_queries": "public"}
_MIGRATIONS = [path for path in shipped.files() if path.parent.name == "migrations"]
_ASSIGNED = re.compile(r"^\s*[\w.]+(?:\[.*?\])?\s*:=")


class _Unqualified(Visitor):
    """Collect the names of functions and relations without a schema; those that a query defines itself have none."""

    def __init__(self) -> None:
        super().__init__()
        self._called: list[str] = []
        self._read: list[str] = []
        self._defined: set[str] = set()

    @property
    def names(self) -> list[str]:
        return [*self._called, *(name for name in self._read if name not in self._defined)]

    def visit_CommonTableExpr(self, _ancestors, node):  # noqa: N802 - pglast's name
        self._defined.add(node.ctename)

    def visit_FuncCall(self, _ancestors, node):  # noqa: N802
        if len(node.funcname) == 1:
            self._called.append(f"{node.funcname[0].sval}()")

    def visit_RangeVar(self, _ancestors, node):  # noqa: N802
        if node.schemaname is None:
            self._read.append(node.relname)


class _Operators(Visitor):
    """Collect the operators."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def visit_A_Expr(self, _ancestors, node):  # noqa: N802
        self.names.append(node.name[-1].sval)


def _unqualified(text: str) -> list[str]:
    found = _Unqualified()
    tree = parse_sql(text)
    found(tree)
    blocks = [raw for raw in tree if isinstance(raw.stmt, ast.DoStmt)]
    return found.names + [
        name for _ in blocks for query in _queries(parse_plpgsql(text)) for name in _unqualified(query)
    ]


def _operators(text: str) -> list[str]:
    found = _Operators()
    found(parse_sql(text))
    return found.names


def _queries(block: object) -> Iterator[str]:
    """Yield the queries and expressions of a PL/pgSQL block, each as a query."""
    if isinstance(block, dict):
        if expression := block.get("PLpgSQL_expr"):
            is_query = expression.get("parseMode", 0) == 0
            yield expression["query"] if is_query else "SELECT " + _ASSIGNED.sub("", expression["query"])
        block = list(block.values())
    if isinstance(block, list):
        for part in block:
            yield from _queries(part)


def test_every_function_and_relation_in_shipped_queries_names_its_schema():
    statements = list(shipped.statements(_PLACEHOLDERS))
    assert len(statements) > 100
    found = {f"{s.file}:{s.line}": names for s in statements if (names := _unqualified(s.text))}
    assert found == {}


def test_comments_are_read_by_functions_only_where_the_search_path_is_empty():
    # On 13 these are functions in SQL, and compare an oid with an integer under the path of the session.
    found = [
        path.name
        for path in shipped.files()
        if re.search(r"\b(?:sh)?obj_description\(|\bcol_description\(", path.read_text(encoding="utf-8"))
        and "search_path = ''" not in path.read_text(encoding="utf-8").replace("\n-- ", " ")
    ]
    assert found == []


@pytest.mark.parametrize("path", _MIGRATIONS, ids=lambda path: path.name)
def test_a_packaged_migration_begins_with_an_empty_search_path(path):
    first = parse_sql(path.read_text(encoding="utf-8"))[0].stmt
    assert isinstance(first, ast.VariableSetStmt)
    assert (first.name, first.is_local, [value.val.sval for value in first.args]) == ("search_path", True, [""])


@pytest.mark.parametrize("path", _MIGRATIONS, ids=lambda path: path.name)
def test_functions_of_the_product_set_their_search_path_or_name_every_schema(path):
    text = path.read_bytes()
    for raw in parse_sql(text.decode()):
        if isinstance(raw.stmt, ast.CreateFunctionStmt):
            options = {option.defname: option.arg for option in raw.stmt.options}
            if "set" not in options and raw.stmt.is_procedure:
                # A procedure that commits may set no search_path: it may use no operator either.
                queries = list(_queries(parse_plpgsql(text[raw.stmt_location :][: raw.stmt_len].decode())))
                assert queries
                assert [name for query in queries for name in _unqualified(query) + _operators(query)] == []
            elif "set" not in options:
                assert options["language"].sval == "sql"
                assert _unqualified(options["as"][0].sval) == [], raw.stmt.funcname[-1].sval


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT now(), coalesce(1, 2), extract(epoch FROM pg_catalog.now()), current_user", ["now()"]),
        ("WITH t AS (SELECT 1) SELECT FROM t JOIN u ON true", ["u"]),
        ("DO $$ BEGIN PERFORM pg_catalog.count(*) FROM users; x := lower('A'); END $$", ["users", "lower()"]),
    ],
)
def test_names_without_a_schema_are_found(text, names):
    if text.startswith("DO"):
        text = text.replace("BEGIN", "DECLARE x text; BEGIN")
    assert _unqualified(text) == names


def test_shipped_queries_are_ascii_since_they_are_sent_to_databases_of_any_encoding():
    queries = (path for path in shipped.files() if path.parent.name != "migrations")
    assert [path.name for path in queries if not path.read_text(encoding="utf-8").isascii()] == []
