-- Purpose: label a database that the statement before has created, in the same round trip: a process that is killed
-- while it waits leaves no database that does not say what it is.
-- Oldest server: 13. Privileges: to own the database. Requires a transaction with search_path = '',
-- and these settings in it: fowergram.created (the name), fowergram.label (the label up to the identity of the database,
-- which is its last fact).
DO $$
DECLARE
    v_name CONSTANT text NOT NULL := pg_catalog.current_setting('fowergram.created');
    v_identity text NOT NULL := '';
BEGIN
    SELECT
        pg_catalog.concat_ws(
            '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
        )
    INTO STRICT v_identity
    FROM pg_catalog.pg_database AS d
    WHERE d.datname::text = v_name;
    EXECUTE pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE false', v_name);
    EXECUTE pg_catalog.format(
        'COMMENT ON DATABASE %I IS %L',
        v_name,
        pg_catalog.concat(pg_catalog.current_setting('fowergram.label'), pg_catalog.to_json(v_identity), '}')
    );
END
$$;
