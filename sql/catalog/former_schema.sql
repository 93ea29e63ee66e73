-- Purpose: whether public holds the tables of Fowergram's former schema, which run-migrations.sh built.
-- Oldest server: 13. Privileges: none.
-- Columns: is_former.
SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = c.oid AND a.attname = 'profile_picture'::name AND NOT a.attisdropped
    WHERE n.nspname = 'public'::name
      AND c.relkind IN ('r'::"char", 'p'::"char")
      AND (c.relname = 'users'::name AND a.attname IS NOT NULL OR c.relname = 'followers'::name)
) AS is_former;
