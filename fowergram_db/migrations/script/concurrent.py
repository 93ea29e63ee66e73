"""Read from a statement what it builds, rebuilds, drops or detaches concurrently. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fowergram_db.lexer import Token, TokenKind, tokens

_LONGEST_NAME_BYTES = 63
_BARE = re.compile(r"[a-z_][a-z0-9_]*")
_NAMED, _UNNAMED = ("index", "table", "schema"), ("database", "system")
_NOTHING = Token(TokenKind.OTHER, "")


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """An index that is built concurrently: its name as the server keeps it, its table as to_regclass() reads it.

    The name is "" if the server chooses it.
    """

    name: str
    relation: str


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What a REINDEX rebuilds: ``kind`` is index, table, schema, database or system.

    ``name`` is as to_regclass() or to_regnamespace() reads it, "" for a database.
    """

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Detachment:
    """A partition and what it is detached from, both as to_regclass() reads them."""

    parent: str
    partition: str


def index_built(statement: str) -> IndexBuild | None:
    """Return the index that a statement builds concurrently, None if it builds none or a name is ``U&"…"``.

    >>> index_built('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "A""b" ON ONLY public.T (id)')
    IndexBuild(name='A"b', relation='public.t')
    >>> index_built("CREATE INDEX CONCURRENTLY ON t (id)")
    IndexBuild(name='', relation='t')
    """
    reader = _NameReader(tokens(statement))
    if not reader.passes("create") or not (reader.passes("unique", "index") or reader.passes("index")):
        return None
    if not reader.passes("concurrently"):
        return None
    reader.passes("if", "not", "exists")
    name = "" if reader.next_is("on") else reader.name()
    if not reader.passes("on"):
        return None
    reader.passes("only")
    reader.passes("(")
    relation = reader.qualified_name()
    return IndexBuild(name, relation) if relation else None


def index_dropped(statement: str) -> str:
    """Return the index that a statement drops concurrently, as to_regclass() reads it; "" if it drops none.

    The server takes only one at a time.

    >>> index_dropped('drop index concurrently if exists Public."I"')
    'public."I"'
    """
    reader = _NameReader(tokens(statement))
    if not reader.passes("drop", "index", "concurrently"):
        return ""
    reader.passes("if", "exists")
    return reader.qualified_name()


def rebuilt(statement: str) -> Rebuild | None:
    """Return what a statement rebuilds, concurrently or not; None if it rebuilds nothing or does not name it.

    >>> rebuilt('REINDEX (VERBOSE, CONCURRENTLY true) TABLE "S".T')
    Rebuild(kind='table', name='"S".t')
    >>> rebuilt("reindex schema concurrently s")
    Rebuild(kind='schema', name='s')
    """
    reader = _NameReader(tokens(statement))
    if not reader.passes("reindex"):
        return None
    if reader.passes("("):
        reader.skip_past(")")
    kind = next((kind for kind in (*_NAMED, *_UNNAMED) if reader.passes(kind)), "")
    reader.passes("concurrently")
    if kind in _UNNAMED:
        return Rebuild(kind, "")
    name = reader.qualified_name() if kind else ""
    return Rebuild(kind, name) if name else None


def partition_detached(statement: str) -> Detachment | None:
    """Return which partition ALTER TABLE detaches concurrently, None if it detaches none.

    >>> partition_detached('ALTER TABLE ONLY s.P DETACH PARTITION "C" CONCURRENTLY')
    Detachment(parent='s.p', partition='"C"')
    >>> partition_detached("ALTER TABLE p DETACH PARTITION c")
    """
    reader = _NameReader(tokens(statement))
    if not reader.passes("alter", "table"):
        return None
    reader.passes("if", "exists")
    reader.passes("only")
    parent = reader.qualified_name()
    reader.passes("*")
    if not parent or not reader.passes("detach", "partition"):
        return None
    partition = reader.qualified_name()
    return Detachment(parent, partition) if partition and reader.passes("concurrently") else None


class _NameReader:
    """Reads tokens from left to right, with the next three in ``ahead``."""

    def __init__(self, source: Iterator[Token]) -> None:
        self.source = source
        self.ahead = [next(source, _NOTHING) for _ in range(3)]

    def next_is(self, word: str) -> bool:
        return self.ahead[0].value == word and self.ahead[0].kind is not TokenKind.NAME

    def passes(self, *words: str) -> bool:
        """Step over these words if they come next; return whether they did."""
        if [token.value for token in self.ahead[: len(words)]] != list(words):
            return False
        if any(token.kind is TokenKind.NAME for token in self.ahead[: len(words)]):
            return False
        for _ in words:
            self._step()
        return True

    def skip_past(self, word: str) -> None:
        """Step over everything up to and including a word."""
        while self.ahead[0] is not _NOTHING and not self.passes(word):
            self._step()

    def name(self) -> str:
        """Return the identifier that comes next, truncated as the server truncates it; "" if none does."""
        token = self.ahead[0]
        if token.kind not in (TokenKind.WORD, TokenKind.NAME):
            return ""
        self._step()
        return token.value.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore")

    def qualified_name(self) -> str:
        parts = [self.name()]
        while parts[-1] and self.passes("."):
            parts.append(self.name())
        return ".".join(map(_quoted, parts)) if all(parts) else ""

    def _step(self) -> None:
        self.ahead = [*self.ahead[1:], next(self.source, _NOTHING)]


def _quoted(name: str) -> str:
    return name if _BARE.fullmatch(name) else '"' + name.replace('"', '""') + '"'
