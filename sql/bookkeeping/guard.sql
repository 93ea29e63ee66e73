-- Purpose: divide by zero if the table that is now called public.schema_migrations belongs to a role that is not
-- trusted, or has a trigger or a foreign key of one. It is sent after the lock that keeps it so, and before a read or a
-- write, in one query: the owner of the schema may have put another table there since the history was read, and a role
-- with the right to do so may have made a trigger.
-- Oldest server: 13. Privileges: none.
WITH trusted (oid) AS MATERIALIZED (
    {trusted_roles}
)
SELECT 1 / pg_catalog.count(*)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN trusted ON trusted.oid = c.relowner
WHERE n.nspname = 'public'::name AND c.relname = 'schema_migrations'::name
    AND c.relkind = 'r'::"char" AND trusted.oid IS NOT NULL
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
        LEFT JOIN pg_catalog.pg_class AS r ON r.oid = t.tgconstrrelid
        WHERE t.tgrelid = c.oid AND (
            p.proowner NOT IN (SELECT o.oid FROM trusted AS o) OR r.relowner NOT IN (SELECT o.oid FROM trusted AS o)
        )
    );
