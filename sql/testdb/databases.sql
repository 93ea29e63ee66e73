-- Purpose: the databases of this server that the tool may have made, by their names or their comments.
-- Oldest server: 13. Privileges: none (the size of a database that the role may not connect to is NULL).
-- Parameters: names, comments (text: patterns for LIKE). Columns, with texts as literals in bytea (see any_text.py): oid; name; owner; size_bytes;
-- connections (of clients); is_complete (boolean: it accepts no connection); row_version (text: changes with
-- each ALTER DATABASE); comment; identity (text: which database a label has to name); is_valid_label
-- (boolean: the owner wrote the comment, and the database was not altered since); production (boolean: it carries the mark).
SELECT
    d.oid,
    pg_catalog.decode(pg_catalog.quote_literal(d.datname::text), 'escape') AS name,
    pg_catalog.decode(pg_catalog.quote_literal(pg_catalog.pg_get_userbyid(d.datdba)::text), 'escape') AS owner,
    CASE
        WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_catalog.pg_database_size(d.oid)
    END AS size_bytes,
    (
        SELECT pg_catalog.count(*)
        FROM pg_catalog.pg_stat_activity AS a
        WHERE a.datid = d.oid
          AND a.usesysid IS NOT NULL
          AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender')
    ) AS connections,
    NOT d.datallowconn AS is_complete,
    d.xmin::text AS row_version,
    pg_catalog.decode(pg_catalog.quote_literal(note.description), 'escape') AS comment,
    pg_catalog.decode(
        pg_catalog.quote_literal(
            pg_catalog.concat_ws(
                '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
            )
        ),
        'escape'
    ) AS identity,
    {is_valid_label} AS is_valid_label,
    mark.lasts OR mark.is_in_comment AS production
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
CROSS JOIN LATERAL ({mark}) AS mark (lasts, is_in_comment)
WHERE d.datname::text LIKE %(names)s::text OR note.description LIKE %(comments)s::text
ORDER BY d.datname;
