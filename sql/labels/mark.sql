-- Purpose: whether a database carries the production mark. Only this query decides what the mark is. To be put in where
-- the placeholder mark is: the database is called d there, its comment note.
-- What is searched is ASCII, a literal with escapes: a regular expression fails for a text that ends within a character.
-- Oldest server: 13. Privileges: none. Columns: lasts (as a setting of its own), is_in_comment (as a line of its comment).
SELECT
    EXISTS (
        SELECT
        FROM pg_catalog.pg_db_role_setting AS r
        CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) AS setting (text)
        WHERE r.setdatabase = d.oid AND r.setrole = 0::oid
            AND pg_catalog.encode(pg_catalog.decode(pg_catalog.quote_literal(setting.text), 'escape'), 'escape')
                ~* '^E?''(fowergram\.environment=\s*production\s*|temp_tablespaces=(.*,\s*)?"+fowergram\.environment=production"+(\s*,.*)?)''$'
    ) AS lasts,
    coalesce(
        pg_catalog.encode(pg_catalog.decode(pg_catalog.quote_literal(note.description), 'escape'), 'escape')
            ~* '(^E?''|[\r\n])\s*fowergram\.environment=production\s*([\r\n]|''$)',
        false
    ) AS is_in_comment
