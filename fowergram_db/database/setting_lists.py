"""Settings that hold a list of names, such as search_path, as PostgreSQL stores them with a database or role."""

import re

_ITEM = re.compile(r'"((?:[^"]|"")*)"|([^",\s]+)')


def split_list(value: str) -> tuple[str, ...]:
    """Return the names of a list that the server has written.

    >>> split_list('"$user", public'), split_list('"a, b", c'), split_list("")
    (('$user', 'public'), ('a, b', 'c'), ())
    """
    return tuple(match[2] or match[1].replace('""', '"') for match in _ITEM.finditer(value))
