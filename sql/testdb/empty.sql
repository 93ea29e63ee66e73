-- Purpose: delete from a clone every row that was written since its template was completed, and set the sequences back.
-- What the migrations have filled in stays; where a test has changed or deleted some of that, nothing is done and an
-- error with SQLSTATE FW001 says so. Triggers and foreign keys do not fire (session_replication_role = replica).
-- Oldest server: 13. Privileges: superuser. Requires a transaction with search_path = '', and these settings in it:
-- fowergram.seal (the number of the transaction that completed the template), fowergram.rows (how many rows it has),
-- fowergram.sequences (jsonb: of each that is not at its start, the OID with the last value and whether it was used),
-- fowergram.pages (the most pages to read). Leaves in fowergram.emptied how many rows went, and out of how many
-- tables: '12 3'.
DO $$
DECLARE
    v_seal CONSTANT integer NOT NULL := pg_catalog.age(pg_catalog.current_setting('fowergram.seal')::xid);
    v_relation record;
    v_deleted bigint;
    v_left bigint;
    v_gone bigint := 0;
    v_tables integer := 0;
    v_kept bigint := 0;
    v_pages bigint := 0;
BEGIN
    FOR v_relation IN
        SELECT
            c.oid::regclass::text AS name,
            c.relkind,
            on_disk.size / pg_catalog.current_setting('block_size')::integer AS pages
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        -- The file itself: pg_relation_size() would open each of the tables.
        CROSS JOIN LATERAL pg_catalog.pg_stat_file(pg_catalog.pg_relation_filepath(c.oid)) AS on_disk
        WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relispopulated
            AND n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_'
            AND on_disk.size > 0
    LOOP
        v_pages := v_pages + v_relation.pages;
        IF v_pages > pg_catalog.current_setting('fowergram.pages')::bigint THEN
            RAISE EXCEPTION 'the tests have written too much to delete it row by row' USING ERRCODE = 'FW001';
        END IF;
        IF v_relation.relkind = 'r' THEN
            EXECUTE pg_catalog.format('DELETE FROM ONLY %s WHERE pg_catalog.age(xmin) < $1', v_relation.name)
            USING v_seal;
            GET DIAGNOSTICS v_deleted = ROW_COUNT;
            v_gone := v_gone + v_deleted;
            v_tables := v_tables + (v_deleted > 0)::integer;
        ELSE
            EXECUTE pg_catalog.format(
                'SELECT pg_catalog.count(*) FROM %s WHERE pg_catalog.age(xmin) < $1', v_relation.name
            )
            INTO v_left USING v_seal;
            IF v_left > 0 THEN
                RAISE EXCEPTION 'the tests have refreshed a materialized view' USING ERRCODE = 'FW001';
            END IF;
        END IF;
        EXECUTE pg_catalog.format('SELECT pg_catalog.count(*) FROM ONLY %s', v_relation.name) INTO v_left;
        v_kept := v_kept + v_left;
    END LOOP;
    IF v_kept <> pg_catalog.current_setting('fowergram.rows')::bigint THEN
        RAISE EXCEPTION 'the tests have changed rows that the migrations had filled in' USING ERRCODE = 'FW001';
    END IF;
    PERFORM pg_catalog.setval(
        s.seqrelid, coalesce((filled.state ->> 0)::bigint, s.seqstart), coalesce((filled.state ->> 1)::boolean, false)
    )
    FROM pg_catalog.pg_sequence AS s
    LEFT JOIN pg_catalog.jsonb_each(pg_catalog.current_setting('fowergram.sequences')::jsonb) AS filled (oid, state)
        ON filled.oid::oid = s.seqrelid;
    PERFORM pg_catalog.set_config('fowergram.emptied', pg_catalog.format('%s %s', v_gone, v_tables), true);
END
$$;
