r"""Read texts that may hold bytes of any encoding, as in catalogs that databases of all encodings share.

If the database of a session is not in UTF-8, the server itself refuses to send such a text. So a query sends what other
roles may have written as ``pg_catalog.decode(pg_catalog.quote_literal(…), 'escape')``: a bytea that holds the text as a
literal. Both functions go byte by byte, and never fail. In conditions, ``pg_catalog.encode(…, 'escape')`` of that is
ASCII: ``right``, ``left``, ``length`` and ``starts_with`` fail for a text that ends within a character.
"""

import codecs

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import Loader

_TYPES = ("text", "name", "varchar")


class _AnyText(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


class _AnyBinaryText(_AnyText):
    format = pq.Format.BINARY


class _Literal(Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> str:
        status = self.connection.pgconn.parameter_status(b"server_encoding") if self.connection else None
        return text_of_literal(bytes(data), (status or b"").decode())


class _LiteralAsText(_Literal):
    format = pq.Format.TEXT

    def load(self, data: Buffer) -> str:
        return super().load(pq.Escaping().unescape_bytea(bytes(data)))


def read_any_text(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    r"""Have a connection read such a byte as half a surrogate pair, and a bytea as the literal that is in it.

    That is shown as an escape (``\udcff``), and can never be sent: no other database is taken for one of that name.
    """
    for name in _TYPES:
        connection.adapters.register_loader(name, _AnyText)
        connection.adapters.register_loader(name, _AnyBinaryText)
    connection.adapters.register_loader("bytea", _Literal)
    connection.adapters.register_loader("bytea", _LiteralAsText)


def text_of_literal(literal: bytes, server_encoding: str) -> str:
    r"""Return the text of what ``quote_literal`` has written; ``server_encoding`` as PostgreSQL names it.

    >>> text_of_literal(b"'it''s'", "UTF8"), text_of_literal(rb"E'a\b'", "UTF8")
    ("it's", 'a\\b')
    >>> [text_of_literal(b"'\xe9'", encoding) for encoding in ("LATIN1", "SQL_ASCII", "EUC_JP")]
    ['é', '\udce9', '\udce9']
    """
    text = literal.removeprefix(b"E")[1:-1].replace(b"''", b"'")
    return text.decode(_codec(server_encoding), "surrogateescape")


def _codec(server_encoding: str) -> str:
    """Return Python's name of an encoding; that of UTF-8 for SQL_ASCII, which says nothing, and for the unknown."""
    try:
        return codecs.lookup(server_encoding.replace("WIN", "cp").replace("KOI8", "koi8_")).name
    except LookupError:
        return "utf-8"
