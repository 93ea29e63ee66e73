"""PostgreSQL's own regression suite has few secrets, and nothing else of it is masked."""

import pytest

from fowergram_db.migrations.script.scanner import scan
from fowergram_db.redaction.messages import mask_message, mask_query, mask_sql

from .regress import Unavailable, regress_files

_WITH_SECRETS = ("create role", "alter role", "create user mapping", "alter user mapping")


@pytest.mark.matrix(every=0)
def test_only_statements_with_a_password_are_changed():
    try:
        files = regress_files()
    except Unavailable as missing:
        pytest.skip(str(missing))
    changed = []
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        for statement in scan(text).statements:
            sql = text[statement.start : statement.end]
            masked = mask_sql(sql)
            assert masked == mask_query(sql)
            if masked != sql:
                assert mask_message(sql) == masked
                changed.append(" ".join(sql.lower().split()))
    assert len(changed) == 21
    assert all(sql.startswith(_WITH_SECRETS) and "password '" in sql for sql in changed)
