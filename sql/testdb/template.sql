-- Purpose: find the template that databases of one kind are cloned from, by what is in it: the migrations, and what
-- the server adds to them. The role that builds it counts, as it owns all that is in it, and so do the settings that its
-- sessions begin with.
-- Oldest server: 13. Privileges: none.
-- Parameters: prefix; content (text: the migrations, and how the database is made). Columns: name; oid (NULL: there is
-- none); owner; is_own (boolean: the owner is the current role); is_complete (boolean: closed, the current role's own, and
-- sealed by it); was_sealed (boolean: the owner has sealed it once); row_version (text: changes with each ALTER DATABASE); age (in transactions, of that row);
-- comment; identity (text: which database a label has to name); fsync (boolean); clones_files (boolean: the server can
-- share the blocks of files, where the file system can); backend_pid (another one than the session's: a pooler is
-- between).
WITH wanted AS (
    SELECT %(prefix)s::text || pg_catalog.left(
        pg_catalog.encode(
            pg_catalog.sha256(
                pg_catalog.convert_to(
                    pg_catalog.concat_ws(
                        E'\n',
                        %(content)s::text,
                        pg_catalog.current_setting('server_version_num')::integer / 10000,
                        current_user,
                        (
                            SELECT pg_catalog.string_agg(
                                e.name::text || ' '::text || e.default_version, ',' ORDER BY e.name
                            )
                            FROM pg_catalog.pg_available_extensions() AS e
                        ),
                        (
                            SELECT pg_catalog.string_agg(setting.text, E'\n' ORDER BY g.setrole, setting.place)
                            FROM pg_catalog.pg_db_role_setting AS g
                            CROSS JOIN LATERAL pg_catalog.unnest(g.setconfig)
                                WITH ORDINALITY AS setting (text, place)
                            LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.setrole
                            WHERE g.setdatabase = 0::oid AND (g.setrole = 0::oid OR r.rolname = session_user)
                        )
                    ),
                    'UTF8'
                )
            ),
            'hex'
        ),
        32
    ) AS name
)
SELECT
    wanted.name,
    d.oid,
    pg_catalog.decode(pg_catalog.quote_literal(o.rolname::text), 'escape') AS owner,
    coalesce(o.rolname = current_user, false) AS is_own,
    coalesce(
        o.rolname = current_user AND NOT d.datallowconn
        AND {is_sealed},
        false
    ) AS is_complete,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_db_role_setting AS s
        CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS setting (text)
        WHERE s.setdatabase = d.oid AND s.setrole = d.datdba
            AND setting.text LIKE 'application_name=fowergram-db seal %%'::text
    ) AS was_sealed,
    d.xmin::text AS row_version,
    pg_catalog.age(d.xmin) AS age,
    pg_catalog.decode(pg_catalog.quote_literal(note.description), 'escape') AS comment,
    pg_catalog.concat_ws(
        '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
    ) AS identity,
    pg_catalog.current_setting('fsync')::boolean AS fsync,
    EXISTS (
        SELECT FROM pg_catalog.pg_settings AS s WHERE s.name = 'file_copy_method' AND 'clone' = ANY (s.enumvals)
    ) AS clones_files,
    pg_catalog.pg_backend_pid() AS backend_pid
FROM wanted
LEFT JOIN pg_catalog.pg_database AS d ON d.datname = wanted.name
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
LEFT JOIN pg_catalog.pg_roles AS o ON o.oid = d.datdba;
