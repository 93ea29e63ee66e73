-- Purpose: the statements that the current transaction has prepared, as DEALLOCATE names them.
-- Oldest server: 13. Privileges: none. Columns: name.
SELECT pg_catalog.quote_ident(p.name) AS name
FROM pg_catalog.pg_prepared_statements AS p
WHERE p.prepare_time OPERATOR(pg_catalog.>=) pg_catalog.transaction_timestamp() AND p.from_sql;
