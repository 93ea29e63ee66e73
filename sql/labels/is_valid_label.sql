-- Purpose: whether the comment of a database, if it is a label, was written by the database's owner: by the transaction
-- that has last written the row in pg_database, as every change of the owner does, or else the owner has sealed the
-- comment, whatever happens to the database later (see decision 24). It replaces the placeholder is_valid_label: the
-- database is called d there, its comment note.
-- Oldest server: 13. Privileges: none. Type: boolean.
coalesce(
    note.xmin = d.xmin
    OR EXISTS (
        SELECT
        FROM pg_catalog.pg_db_role_setting AS s
        CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS setting (text)
        WHERE s.setdatabase = d.oid AND s.setrole = d.datdba
            AND setting.text LIKE 'application_name=fowergram-db seal %%'::text
            -- ASCII: for a text that ends within a character, right() and starts_with() fail.
            AND pg_catalog.right(
                pg_catalog.encode(pg_catalog.decode(pg_catalog.quote_literal(setting.text), 'escape'), 'escape'), 65
            ) = pg_catalog.concat({comment_digest}, '''')
    ),
    false
)
