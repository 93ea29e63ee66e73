"""What the tests of other tools' directories share."""

from dataclasses import replace

import pytest
from psycopg import sql


@pytest.fixture
def lay():
    """Write files by their path below a directory."""

    def write(directory, files):
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def schema(query):
    """Return the columns of the table t, and the number of its valid indexes."""

    def read():
        columns = query(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('t') AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum"
        )
        ((indexes,),) = query("SELECT count(*) FROM pg_index WHERE indrelid = to_regclass('t') AND indisvalid")
        return [name for (name,) in columns], indexes

    return read


@pytest.fixture
def other(target, admin):
    """A second database, which does not exist yet; it is gone after the test."""
    name = f"{target.dbname}_other"
    yield replace(target, dbname=name)
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
