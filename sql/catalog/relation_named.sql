-- Purpose: find what a name in SQL means to a script or to the user, while the tool's own queries search no schema. The
-- search_path is changed once this query is parsed, and back with the end of its transaction.
-- Oldest server: 13. Privileges: none. Parameters: name (as it is written in SQL), of_script (use the search_path of
-- the current script, else that of the role). Columns: oid, qualified (schema and name, quoted). No row: there is none.
WITH search_path AS MATERIALIZED (
    SELECT
        pg_catalog.set_config(
            'search_path',
            CASE
                WHEN %(of_script)s::boolean
                    THEN nullif(pg_catalog.current_setting('fowergram.search_path', true), '')
            END,
            true
        ) AS searched
),

named AS MATERIALIZED (
    SELECT pg_catalog.to_regclass(%(name)s::text)::oid AS oid
    FROM search_path
)

SELECT
    c.oid::bigint AS oid,
    pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS qualified
FROM named
JOIN pg_catalog.pg_class AS c ON c.oid = named.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace;
