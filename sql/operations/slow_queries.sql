-- Purpose: the statements of the current database that took the most time, with the totals they are part of.
-- Oldest server: 13, with any version of pg_stat_statements from 1.4 on.
-- Privileges: SELECT on the extension's view; others' statements are hidden without pg_read_all_stats.
-- Parameters: sort ('total', 'mean' or 'calls'), limit, only (an identifier, or NULL), own_users and own_queries (the statements to leave out, by user
--   and identifier; those of this tool). Placeholder: source, what has the figures: the extension's view, or its
--   function where the texts cannot be read.
-- Columns: statements, all_calls, all_ms (every statement of the database), hidden_statements, hidden_calls,
--   hidden_ms (those of them that this role may not see), role (the current one), then of each statement
--   shown: queryid, query, toplevel (NULL before 1.9), user, database, calls, total_ms, mean_ms, max_ms,
--   stddev_ms, rows, share, cache_hit. In the order of the parameter sort; exactly one row with a NULL queryid where
--   none is to be shown.
--
-- Statements of this tool that are hidden from the role cannot be distinguished and count as hidden.

WITH /* fowergram-db */ statement AS MATERIALIZED (
    SELECT figure.*
    -- A name that the extension's version lacks is found here instead, one level further out, as a NULL:
    -- 1.8 renamed the times, 1.9 added toplevel, and an extension may be older than its server.
    FROM (
        VALUES (
            NULL::boolean,
            NULL::float8, NULL::float8, NULL::float8, NULL::float8,
            NULL::float8, NULL::float8, NULL::float8, NULL::float8
        )
    ) AS absent (
        toplevel,
        total_exec_time, mean_exec_time, max_exec_time, stddev_exec_time,
        total_time, mean_time, max_time, stddev_time
    )
    CROSS JOIN LATERAL (
        SELECT
            queryid, query, toplevel, userid, calls, rows, shared_blks_hit, shared_blks_read,
            COALESCE(total_exec_time, total_time) AS total_ms,
            COALESCE(mean_exec_time, mean_time) AS mean_ms,
            COALESCE(max_exec_time, max_time) AS max_ms,
            COALESCE(stddev_exec_time, stddev_time) AS stddev_ms
        FROM {source} AS counted
        WHERE
            dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            AND NOT EXISTS (
                SELECT
                FROM ROWS FROM (
                    pg_catalog.unnest(%(own_users)s::oid[]), pg_catalog.unnest(%(own_queries)s::bigint[])
                ) AS own (role, statement)
                WHERE own.role = counted.userid AND own.statement = counted.queryid
            )
    ) AS figure
),
total AS (
    SELECT
        pg_catalog.count(*) AS statements,
        COALESCE(pg_catalog.sum(calls), 0)::bigint AS all_calls,
        COALESCE(pg_catalog.sum(total_ms), 0)::float8 AS all_ms,
        pg_catalog.count(*) FILTER (WHERE queryid IS NULL) AS hidden_statements,
        COALESCE(pg_catalog.sum(calls) FILTER (WHERE queryid IS NULL), 0)::bigint AS hidden_calls,
        COALESCE(pg_catalog.sum(total_ms) FILTER (WHERE queryid IS NULL), 0)::float8 AS hidden_ms
    FROM statement
),
shown AS (
    SELECT
        *,
        pg_catalog.row_number() OVER (
            ORDER BY
                CASE %(sort)s WHEN 'total' THEN total_ms WHEN 'mean' THEN mean_ms WHEN 'calls' THEN calls END DESC,
                total_ms DESC, queryid, userid, toplevel
        ) AS place
    FROM statement
    WHERE queryid IS NOT NULL AND (%(only)s::bigint IS NULL OR queryid = %(only)s::bigint)
    ORDER BY place
    LIMIT %(limit)s
)
SELECT
    total.*,
    CURRENT_USER::text AS role,
    shown.queryid,
    -- NULL without texts, and where the extension has lost its file of them.
    COALESCE(shown.query, '') AS query,
    shown.toplevel,
    pg_catalog.pg_get_userbyid(shown.userid)::text AS "user",
    pg_catalog.current_database()::text AS database,
    shown.calls,
    shown.total_ms,
    shown.mean_ms,
    shown.max_ms,
    shown.stddev_ms,
    shown.rows,
    COALESCE(shown.total_ms / NULLIF(total.all_ms, 0::float8), 0) AS share,
    shown.shared_blks_hit::float8 / NULLIF(shown.shared_blks_hit + shown.shared_blks_read, 0)::float8 AS cache_hit
FROM total
LEFT JOIN shown ON TRUE
ORDER BY shown.place;
