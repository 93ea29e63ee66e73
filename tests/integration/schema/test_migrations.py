"""The migration files themselves: each down file undoes all of its migration, as the catalog shows it."""

from pathlib import Path

import pytest

from fowergram_db.database.sql import shipped_migrations

# Everything in public, one line each, as the catalog shows it.
_SCHEMA = """
SELECT format('column %s.%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
    pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('table %s %s', oid::regclass, obj_description(oid)) FROM pg_class
WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('function %s %s %s', pg_get_functiondef(oid), proacl, obj_description(oid)) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
UNION ALL
SELECT 'extension ' || extname FROM pg_extension
ORDER BY 1
"""
_NAMES = [
    ("001_initial_schema.sql", "001_initial_schema.down.sql"),
    ("002_jwt_auth_schema.sql", "002_jwt_auth_schema.down.sql"),
    ("000003_create_verification_tables.up.sql", "000003_create_verification_tables.down.sql"),
    ("004_instagram_optimization.sql", "004_instagram_optimization.down.sql"),
    ("005_instagram_advanced_features.sql", "005_instagram_advanced_features.down.sql"),
]


@pytest.fixture
def shipped() -> Path:
    return shipped_migrations()


def test_each_down_file_restores_what_was_there_before(shipped, empty_db):
    def run(name: str) -> None:
        empty_db.execute((shipped / name).read_text(encoding="utf-8"))

    def schema() -> list[str]:
        return [line for (line,) in empty_db.execute(_SCHEMA)]

    for up, down in _NAMES:
        before = schema()
        run(up)
        after = schema()
        run(down)
        assert schema() == before, down
        run(up)
        assert schema() == after, up
    for _, down in reversed(_NAMES):
        run(down)
    assert schema() == ["extension plpgsql"]
