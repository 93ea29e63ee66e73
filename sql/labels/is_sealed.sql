-- Purpose: whether the owner of a database has sealed it as it is now, by a setting that only this role, or a
-- superuser, can store for it (see decision 18). It replaces the placeholder is_sealed: the database is called d there,
-- its comment note.
-- Oldest server: 13. Privileges: none. Type: boolean.
EXISTS (
    SELECT
    FROM pg_catalog.pg_db_role_setting AS s
    WHERE s.setdatabase = d.oid AND s.setrole = d.datdba
        AND pg_catalog.concat('application_name=', {seal_text}) = ANY (s.setconfig)
)
