-- Purpose: the constraints that SET CONSTRAINTS can change, as it names them, and which of them wait for the end of a
-- transaction by themselves. Where a schema has a name twice, both have to wait. Read where a script may have set
-- anything: every operator says which it is.
-- Oldest server: 13. Privileges: none. Columns: name, deferred.
SELECT
    pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(c.conname)) AS name,
    pg_catalog.bool_and(c.condeferrable AND c.condeferred) AS deferred
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.connamespace
GROUP BY n.nspname, c.conname
HAVING pg_catalog.bool_or(c.condeferrable);
