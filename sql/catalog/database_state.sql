-- Purpose: a database as it is now: what may be done with it.
-- Oldest server: 13. Privileges: none.
-- Parameter: name (NULL: the current one). Columns: as named, texts as literals in bytea (see any_text.py); lets_in: it
-- allows connections; mark_lasts: it carries the production mark as a setting of its own; production: so, or as a line of its
-- comment; identity: distinguishes the database from every other one, in a label; is_valid_label: the owner wrote the
-- comment, and the database was not altered since.
SELECT
    d.oid,
    pg_catalog.decode(pg_catalog.quote_literal(d.datname::text), 'escape') AS name,
    pg_catalog.decode(pg_catalog.quote_literal(pg_catalog.pg_get_userbyid(d.datdba)::text), 'escape') AS owner,
    d.datconnlimit AS connection_limit,
    d.datistemplate AS is_template,
    d.datallowconn AS lets_in,
    pg_catalog.decode(pg_catalog.quote_literal(note.description), 'escape') AS comment,
    mark.lasts AS mark_lasts,
    mark.lasts OR mark.is_in_comment AS production,
    pg_catalog.decode(
        pg_catalog.quote_literal(
            pg_catalog.concat_ws(
                '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
            )
        ),
        'escape'
    ) AS identity,
    {is_valid_label} AS is_valid_label
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
CROSS JOIN LATERAL ({mark}) AS mark (lasts, is_in_comment)
WHERE d.datname::text = coalesce(%(name)s::text, pg_catalog.current_database()::text);
