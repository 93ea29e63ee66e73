"""Recognize the statements of this tool among those of others, by what they do: a comment could be put into any."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product

from fowergram_db.database.settings_sql import first_query
from fowergram_db.database.sql import SCRIPTS, load, sql_root
from fowergram_db.lexer import LINE_COMMENT, Token, TokenKind, tokens

# What replaces a constant, as pg_stat_statements replaces each of them by a parameter.
_CONSTANT = "?"
_WORDS_OF_CONSTANTS = frozenset(("null", "true", "false"))
_PARAMETER = re.compile(r"%\(\w+\)[sbt]|%[sbt](?!\w)")
_PART = re.compile(r"\{([a-z_]+)\}")
_FILE = re.compile(r"[a-z_]+/[a-z0-9_]+")
_QUALIFIED = re.compile(r"\b(?:pg_catalog|public)\.\w+|\.pg_stat_statements\w*")
_PLAIN_STRING = re.compile("'[^']*'")
_TYPES = "boolean|integer|smallint|bigint|int[248]?|float8|text|char|name|oid|jsonb|real|timestamptz"
_CAST = re.compile(rf"\?(?:\0:\0:\0(?:pg_catalog\0\.\0)?(?:{_TYPES})(?:\0\[\0\])?(?![^\0]))+")
_LIST = re.compile(r"\?(?:\0,\0\?(?![^\0]))+")
_FIELD = re.compile(r"(extract\0\(\0)\w+(?=\0from\0)")
_SETTING = r"pg_catalog\0\.\0set_config\0\((?:\0(?:\?|,|pg_catalog|\.|current_setting|\(|\)))+"
_SETTINGS = rf"{_SETTING}(?:\0,\0{_SETTING})*"
# What the preamble of a migration calls next. A lock counts only after a setting: others wait for their own locks.
_CALLS = (
    "SELECT pg_catalog.pg_advisory_xact_lock(1, 2)",
    "SELECT 1 OPERATOR(pg_catalog./) (NOT pg_catalog.pg_try_advisory_xact_lock_shared(1, 2))::integer",
    "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text",
    "SELECT pg_catalog.set_config('a', extract(epoch FROM pg_catalog.clock_timestamp())::pg_catalog.text, true)",
    "SELECT (SELECT pg_catalog.count(pg_catalog.set_config(n, '', true)) "  # noqa: ISC004
    "FROM pg_catalog.unnest('{}'::pg_catalog.text[]) AS n)",
)
_ALONE = (*_CALLS[1:], "SELECT pg_catalog.pg_advisory_unlock_all()")
# Queries of one line, which are written where they are sent.
_SHORT = (
    "SELECT oid FROM pg_catalog.pg_database WHERE datname = %s",
    "SELECT xmin::text FROM pg_catalog.pg_database WHERE datname = %s",
    "SELECT oid FROM pg_catalog.pg_database",
    "SELECT datname::text FROM pg_catalog.pg_database WHERE datname::text = ANY (%s::text[]) ORDER BY 1",
    "SELECT d.datname::text FROM pg_catalog.pg_database AS d WHERE d.oid = %s::oid",
    "SELECT FROM pg_catalog.pg_database AS d JOIN pg_catalog.pg_roles AS o ON o.oid = d.datdba"  # noqa: ISC004
    " WHERE d.datname = %s AND d.oid = %s::pg_catalog.oid AND o.rolname = current_user",
    "SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)",
    "SELECT FROM pg_catalog.pg_class WHERE oid = %s::oid",
    "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())",
    "SELECT pg_catalog.pg_logical_emit_message(true, 'fowergram-db', '')",
    "SELECT pg_catalog.pg_is_in_recovery()",
    "SELECT pg_catalog.current_setting('fowergram.contents')",
)
# Commands that run no query, on what only the tool names so.
_MANAGED = r'"?fowergram_(?:(?:test|warm|reset|scratch)_\d{14}_[0-9a-f]{8}_\d+|template_[0-9a-f]{32})\b'
_COMMAND = re.compile(
    r"(?:CREATE|ALTER|DROP|COMMENT ON|(?:REVOKE|GRANT) [A-Z, ]+ ON|ALTER ROLE CURRENT_USER IN) DATABASE (?:IF EXISTS )?"
    rf"{_MANAGED}|"
    rf'ALTER DATABASE "(?:[^"]|"")+" RENAME TO {_MANAGED}|'
    r"COMMENT ON TABLE public\.schema_migrations IS |"
    r"LOCK TABLE public\.schema_migrations IN |"
    r'ANALYZE "(?:[^"]|"")+"\."(?:[^"]|"")+"\Z'
)
# A table of another tool, whose name is known only while the query runs.
_ANY_TABLE = '"\1"."\2"'
_ANY_TABLE_FORM = "\1\0.\0\2"
# What the tool prepares is counted under the text that prepares it. Only the name and the types may differ.
_PREPARED = re.compile(r"PREPARE fowergram_[0-9a-f]{8}_\d+(?: \([a-z, ]+\))? AS\s+")
# Commands that change a setting and no more, from any client: they read nothing.
_SET = re.compile(
    r"SET LOCAL \w+ (?:TO|=) (?:DEFAULT|\$1)(?:, '\w+')?|SET LOCAL SESSION AUTHORIZATION DEFAULT|RESET [A-Z ]+"
)
# A line comment ends at a carriage return, too.
_HEADER = re.compile(r"\A(?:\s*--[^\r\n]*[\r\n])+")
# What may replace the {names} in a query that are not the names of files themselves.
_VARIANTS: Mapping[str, tuple[str, ...]] = {
    "version_columns": ("version", "version, position"),
    "version_values": ("%(version)s", "%(version)s, %(position)s"),
    "position": ("version", "position"),
    "trusted_roles": ("ownership/trusted_roles", "ownership/surely_trusted_roles"),
    "view": ("pg_stat_statements", "pg_stat_statements_info"),
    "relation": ("ownership/named", "other_tools/candidates"),
    "table": (_ANY_TABLE, "public.schema_migrations"),
}


def own_among(queries: Sequence[str], schema: str) -> frozenset[str]:
    """Return those of these texts that are queries of this tool; ``schema`` is that of pg_stat_statements.

    Reads the files of the queries. A text is one of theirs if it differs in constants and comments alone. A
    statement made of settings only counts as the tool's, too: it reads nothing.
    """
    shipped = (*_shipped(schema), *map(_as_sent, _SHORT))
    names = {query: _names(query) for query in queries}
    wanted = frozenset(names.values())
    near = [text for text in shipped if _may_be_among(text, wanted)]
    ours = frozenset(form for text in near for form in _forms_of(text))
    known = _of_composed().union(*map(_names, near))
    # Reading a text closer takes a millisecond: not those with a name that the tool never uses.
    forms = {
        query: normal_form(_PREPARED.sub("", query, count=1)) if names[query] <= known else None for query in queries
    }
    of_any_table = _of_any_table(ours)
    return frozenset(
        query
        for query, form in forms.items()
        if _SET.fullmatch(query.strip())
        or _COMMAND.match(query)
        or (form and (form in ours or _of_settings().fullmatch(form) or of_any_table.fullmatch(form)))
        or _is_verbatim(query, shipped)
    )


def normal_form(query: str) -> str | None:
    """Return a statement without its comments, spaces and constants, None if it still has a string.

    Two statements of one normal form differ in constants alone. The extension replaces those in every query; where a
    remaining string ends is unknown, since ``standard_conforming_strings`` decides.

    >>> normal_form("SELECT /* a */ $1::int - $2") == normal_form("select 2::int-3 -- b")
    True
    >>> normal_form("SELECT x IN ($1 /*, ... */)") == normal_form("SELECT x IN (1, 2)")
    True
    >>> normal_form("SELECT 'a'") is None
    True
    """
    found = tuple(tokens(query))
    if any(token.kind is TokenKind.STRING for token in found):
        return None
    return next(_forms(found), "")


def _shipped(schema: str) -> Iterator[str]:
    """Yield the text of each file of queries as it is sent, once for each choice of its parts."""
    root = sql_root()
    paths = sorted(path for path in root.rglob("*.sql") if path.parent.name not in SCRIPTS)
    names = [path.relative_to(root).with_suffix("").as_posix() for path in paths]
    by_stem = {name.rpartition("/")[2]: (name,) for name in names}
    variants = {**by_stem, **_VARIANTS, **_of_extension(schema)}
    for name in names:
        for text in _filled_in(load(name), variants):
            yield _as_sent(text)


def _as_sent(text: str) -> str:
    return _PARAMETER.sub(" $1 ", text).replace("%%", "%")


def _of_extension(schema: str) -> dict[str, tuple[str, ...]]:
    quoted = '"' + schema.replace('"', '""').replace("%", "%%") + '"'
    view = f"{quoted}.pg_stat_statements"
    return {"schema": (quoted,), "source": (view, f"{view}(FALSE)")}


def _filled_in(text: str, variants: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield a query with each choice of what replaces its {names}; none if one of them is not known."""
    names = sorted(set(_PART.findall(text)))
    if not all(name in variants for name in names):
        return
    for chosen in product(*(_choices(variants[name], variants) for name in names)):
        parts = dict(zip(names, chosen, strict=True))
        yield _PART.sub(lambda match, parts=parts: parts[match[1]], text)  # type: ignore[misc]


def _choices(texts: tuple[str, ...], variants: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for text in texts:
        yield from _filled_in(load(text), variants) if _FILE.fullmatch(text) else (text,)


def _may_be_among(text: str, wanted: frozenset[frozenset[str]]) -> bool:
    """Return whether a file may have one of the queries with these names: reading closer takes milliseconds a file."""
    names = _names(text)
    return names in wanted or (text.rstrip().rstrip(";").count(";") > 0 and any(map(names.issuperset, wanted)))


def _names(query: str) -> frozenset[str]:
    return frozenset(_QUALIFIED.findall(_PLAIN_STRING.sub(_CONSTANT, LINE_COMMENT.sub("", query))))


def _is_verbatim(query: str, shipped: Sequence[str]) -> bool:
    """Return whether a statement is one of a file: the extension leaves the constants of commands as they are."""
    statement = _HEADER.sub("", query).strip()
    if not statement:
        return False
    for text in shipped:
        at = text.find(statement)
        if at >= 0:
            before, after = _HEADER.sub("", text[:at]).rstrip(), text[at + len(statement) :].lstrip()
            if before[-1:] in ("", ";") and after[:1] in ("", ";"):
                return True
    return False


def _of_any_table(forms: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of the queries that read a table of another tool."""
    table = r"[^\0]+\0\.\0[^\0]+"
    return re.compile(
        "|".join(re.escape(form).replace(re.escape(_ANY_TABLE_FORM), table) for form in forms if "\1" in form)
    )


@cache
def _of_composed() -> frozenset[str]:
    return frozenset().union(*map(_names, (*_CALLS, *_ALONE, first_query("$1", "$2"))), ("pg_catalog.current_setting",))


@cache
def _of_settings() -> re.Pattern[str]:
    """Return the pattern of what is composed of settings and calls, and of the first query of a session."""
    (first,) = _forms_of(first_query("$1", "$2"))
    before, _, after = first.partition(f"[\0{_CONSTANT}\0]")
    session = rf"{re.escape(before)}\[\0{_SETTINGS}\0\]{re.escape(after)}"
    calls, alone = ("|".join(re.escape(_item(text)) for text in texts) for texts in (_CALLS, _ALONE))
    return re.compile(rf"select\0(?:{alone}|{_SETTING})(?:\0,\0(?:{calls}|{_SETTING}))*|{session}")


def _item(text: str) -> str:
    (form,) = _forms_of(text)
    return form.removeprefix("select\0")


@cache
def _forms_of(text: str) -> tuple[str, ...]:
    return tuple(_forms(tokens(text)))


def _forms(found: Iterable[Token]) -> Iterator[str]:
    """Yield the normal form of each statement."""
    form: list[str] = []
    for token in found:
        if token.kind is TokenKind.OTHER and token.value == ";":
            if form:
                yield _joined(form)
            form = []
            continue
        value = token.value
        is_constant = (
            token.kind is TokenKind.STRING
            or (token.kind is TokenKind.WORD and value in _WORDS_OF_CONSTANTS)
            or (token.kind is TokenKind.OTHER and value.isdecimal())
        )
        if is_constant:
            _add_constant(form)
        else:
            form.append(value)
    if form:
        yield _joined(form)


def _joined(form: Sequence[str]) -> str:
    """Leave out the casts of constants, as the extension does in a list, and make one of several constants."""
    without_fields = _FIELD.sub(rf"\g<1>{_CONSTANT}", "\0".join(form))
    return _LIST.sub(_CONSTANT, _CAST.sub(_CONSTANT, without_fields))


def _add_constant(form: list[str]) -> None:
    """Put one constant in the place of a number's digits, its sign, and the mark of a parameter."""
    while form and form[-1] in ("$", ".", "-"):
        form.pop()
    if form[-1:] != [_CONSTANT]:
        form.append(_CONSTANT)
