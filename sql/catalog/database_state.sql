-- Purpose: databases as they are now: what may be done with them. Only this query decides what the production mark is.
-- Oldest server: 13. Privileges: none.
-- Parameters: name (NULL: the current one); every (boolean: all databases instead). Columns: as named; lets_in: it allows
-- connections; mark_lasts: it carries the production mark as a setting of its own; production: so, or as a line of its
-- comment; identity: distinguishes the database from every other one, in a label; is_valid_label: the owner wrote the
-- comment, and the database was not altered since.
SELECT
    d.oid,
    d.datname::text AS name,
    pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,
    d.datconnlimit AS connection_limit,
    d.datistemplate AS is_template,
    d.datallowconn AS lets_in,
    note.description AS comment,
    mark.lasts AS mark_lasts,
    mark.lasts OR mark.is_in_comment AS production,
    pg_catalog.concat_ws(
        '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
    ) AS identity,
    {is_valid_label} AS is_valid_label
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
CROSS JOIN LATERAL (
    SELECT
        EXISTS (
            SELECT
            FROM pg_catalog.pg_db_role_setting AS r
            CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) AS setting (text)
            WHERE r.setdatabase = d.oid AND r.setrole = 0::oid
                AND setting.text
                    ~* '^(fowergram\.environment=\s*production\s*|temp_tablespaces=(.*,\s*)?"+fowergram\.environment=production"+(\s*,.*)?)$'
        ),
        coalesce(
            note.description
                ~* '(^|[\r\n])\s*fowergram\.environment=production\s*([\r\n]|$)',
            false
        )
) AS mark (lasts, is_in_comment)
WHERE %(every)s::boolean OR d.datname::text = coalesce(%(name)s::text, pg_catalog.current_database()::text);
