-- Purpose: which other connections to this database a pooler may have, found from this one: the
-- sessions of the same role from the same address.
-- Oldest server: 13. Privileges: none. Columns: busy (how many are at work, or in a transaction), keeps_worker (one
-- with the name of a worker is idle: the pooler gives out whole sessions).
SELECT
    pg_catalog.count(*) FILTER (WHERE a.state <> 'idle') AS busy,
    coalesce(
        pg_catalog.bool_or(a.state = 'idle' AND a.application_name ~ '^fowergram-db [0-9a-f]{16}$'), false
    ) AS keeps_worker
FROM pg_catalog.pg_stat_activity AS a
JOIN pg_catalog.pg_stat_activity AS own ON own.pid = pg_catalog.pg_backend_pid()
WHERE
    a.pid <> own.pid
    AND a.backend_type = 'client backend'
    AND a.datid = own.datid
    AND a.usesysid = own.usesysid
    AND a.client_addr IS NOT DISTINCT FROM own.client_addr;
