"""Read texts that may hold bytes that are not UTF-8, as in catalogs shared by databases of other encodings."""

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


def read_any_text(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    r"""Have a connection read such a byte as half a surrogate pair.

    That is shown as an escape (``\udcff``), and can never be sent: no other database is taken for one of that name.
    """
    for name in _TYPES:
        connection.adapters.register_loader(name, _AnyText)
        connection.adapters.register_loader(name, _AnyBinaryText)
