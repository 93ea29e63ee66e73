-- Purpose: the tables that ANALYZE can be run on, with who may run it, and how big and how fresh they are.
-- Oldest server: 13. Privileges: none; takes no lock on a table that another session has locked exclusively.
-- Parameters: oids, the tables asked for; NULL for every table outside the system's schemas.
-- Columns: oid, schema, name, kind, owner, role (the current one), permitted (it may analyse the table),
--   is_partition, total_bytes, heap_bytes, index_bytes, toast_bytes (NULL where another session has locked it
--   exclusively: measuring would wait for that one), rows (the planner's estimate, NULL where there is none),
--   dead_rows, last_analyzed. Largest first; of unknown size last.
--
-- A partitioned table represents its partitions: its figures are their sums, and ANALYZE of it includes them
-- all. A partition that is not named is listed only where the role's right on it differs from the one
-- on its parent: the parent's ANALYZE then leaves it out, or there is none.

WITH RECURSIVE /* fowergram-db */ candidate AS MATERIALIZED (
    SELECT
        class.oid, class.relname, class.relkind, class.relispartition, class.relowner, home.nspname,
        -- The server's own rule, vacuum_is_permitted_for_relation(). On 17 the owner's right is a privilege.
        CASE
            WHEN pg_catalog.current_setting('server_version_num')::int >= 170000
            THEN pg_catalog.has_table_privilege(class.oid, 'MAINTAIN')
            ELSE pg_catalog.pg_has_role(class.relowner, 'USAGE')
        END
        OR (pg_catalog.pg_has_role(here.datdba, 'USAGE') AND NOT class.relisshared) AS permitted
    FROM pg_catalog.pg_class AS class
    JOIN pg_catalog.pg_namespace AS home ON home.oid = class.relnamespace
    JOIN pg_catalog.pg_database AS here ON here.datname = pg_catalog.current_database()
    WHERE class.relkind IN ('r', 'p', 'm')
),
chosen AS MATERIALIZED (
    SELECT candidate.*
    FROM candidate
    LEFT JOIN pg_catalog.pg_inherits AS link ON link.inhrelid = candidate.oid AND candidate.relispartition
    LEFT JOIN candidate AS parent ON parent.oid = link.inhparent
    WHERE
        CASE
            WHEN %(oids)s::oid[] IS NOT NULL
            THEN
                candidate.oid = ANY (%(oids)s::oid[])
                OR parent.permitted AND NOT candidate.permitted AND EXISTS (
                    SELECT
                    FROM pg_catalog.pg_partition_ancestors(candidate.oid) AS ancestor
                    WHERE ancestor.relid::oid = ANY (%(oids)s::oid[])
                )
            ELSE
                candidate.nspname <> 'information_schema'
                AND NOT pg_catalog.starts_with(candidate.nspname::text, 'pg_')
                AND (parent.oid IS NULL OR parent.permitted <> candidate.permitted)
        END
),
member (root, oid) AS (
    SELECT oid, oid
    FROM chosen
    UNION ALL
    SELECT member.root, link.inhrelid
    FROM member
    JOIN pg_catalog.pg_inherits AS link ON link.inhparent = member.oid
    JOIN pg_catalog.pg_class AS child ON child.oid = link.inhrelid AND child.relispartition
),
locked AS MATERIALIZED (
    SELECT held.relation
    FROM pg_catalog.pg_locks AS held
    JOIN pg_catalog.pg_database AS here ON here.oid = held.database
    WHERE
        here.datname = pg_catalog.current_database()
        AND held.mode = 'AccessExclusiveLock'
        AND held.pid <> pg_catalog.pg_backend_pid()
),
unmeasurable (oid) AS MATERIALIZED (
    -- Also those waiting for the lock: a session that comes after them waits too. Of a table or of its TOAST table.
    SELECT relation
    FROM locked
    UNION
    SELECT index.indrelid
    FROM pg_catalog.pg_index AS index
    JOIN locked ON locked.relation = index.indexrelid
),
part AS (
    SELECT
        member.root,
        member.oid = member.root AS is_root,
        class.oid,
        class.relkind,
        class.reltuples,
        class.relpages,
        class.reltoastrelid,
        activity.relid IS NOT NULL AS is_recorded,
        activity.n_dead_tup,
        GREATEST(activity.last_analyze, activity.last_autoanalyze) AS last_analyzed,
        class.oid IN (SELECT oid FROM unmeasurable)
        OR class.reltoastrelid IN (SELECT oid FROM unmeasurable) AS is_locked
    FROM member
    JOIN pg_catalog.pg_class AS class ON class.oid = member.oid
    LEFT JOIN pg_catalog.pg_stat_all_tables AS activity ON activity.relid = member.oid
),
measured AS MATERIALIZED (
    -- CASE, since the planner is free to measure before it filters.
    SELECT
        part.*,
        CASE WHEN NOT is_locked THEN pg_catalog.pg_relation_size(oid) END AS main_bytes,
        CASE WHEN NOT is_locked THEN pg_catalog.pg_table_size(oid) END AS table_bytes,
        CASE WHEN NOT is_locked THEN pg_catalog.pg_indexes_size(oid) END AS index_bytes,
        CASE
            WHEN NOT is_locked THEN COALESCE(pg_catalog.pg_total_relation_size(reltoastrelid), 0)
        END AS toast_bytes
    FROM part
),
estimated AS (
    -- 0 rows on 0 pages is what 13 also has for a table that was never counted; 14 and newer have -1.
    -- A partitioned table has no rows but its partitions', which are members themselves.
    SELECT
        measured.*,
        CASE
            WHEN relkind = 'p' THEN 0
            WHEN reltuples > 0::real OR relpages > 0 THEN GREATEST(reltuples, 0)
            WHEN main_bytes = 0 THEN 0
        END::float8 AS rows
    FROM measured
),
total AS (
    SELECT
        root,
        CASE WHEN pg_catalog.bool_and(main_bytes IS NOT NULL) THEN pg_catalog.sum(table_bytes) END AS table_bytes,
        CASE WHEN pg_catalog.bool_and(main_bytes IS NOT NULL) THEN pg_catalog.sum(index_bytes) END AS index_bytes,
        CASE WHEN pg_catalog.bool_and(main_bytes IS NOT NULL) THEN pg_catalog.sum(toast_bytes) END AS toast_bytes,
        CASE WHEN pg_catalog.bool_and(rows IS NOT NULL) THEN pg_catalog.sum(rows) END AS rows,
        pg_catalog.sum(n_dead_tup) AS dead_rows,
        -- 13 records nothing of a partitioned table itself: there, when its oldest partition was analyzed.
        CASE
            WHEN pg_catalog.bool_or(is_root AND is_recorded)
            THEN pg_catalog.max(last_analyzed) FILTER (WHERE is_root)
            ELSE pg_catalog.min(last_analyzed)
        END AS last_analyzed
    FROM estimated
    GROUP BY root
)
SELECT
    chosen.oid::bigint AS oid,
    chosen.nspname::text AS schema,
    chosen.relname::text AS name,
    CASE chosen.relkind
        WHEN 'r' THEN 'table'
        WHEN 'p' THEN 'partitioned table'
        WHEN 'm' THEN 'materialized view'
    END AS kind,
    pg_catalog.pg_get_userbyid(chosen.relowner)::text AS owner,
    CURRENT_USER::text AS role,
    chosen.permitted,
    chosen.relispartition AS is_partition,
    (total.table_bytes + total.index_bytes)::bigint AS total_bytes,
    (total.table_bytes - total.toast_bytes)::bigint AS heap_bytes,
    total.index_bytes::bigint AS index_bytes,
    total.toast_bytes::bigint AS toast_bytes,
    total.rows::bigint AS rows,
    COALESCE(total.dead_rows, 0)::bigint AS dead_rows,
    total.last_analyzed
FROM chosen
JOIN total ON total.root = chosen.oid
ORDER BY total_bytes DESC NULLS LAST, schema, name;
