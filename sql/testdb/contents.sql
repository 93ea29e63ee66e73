-- Purpose: what the migrations have put into a database in addition to its schema, to check later for changes.
-- Oldest server: 13. Privileges: to read all tables and sequences. Requires a transaction with search_path = ''.
-- Leaves in fowergram.contents a jsonb: rows (in all tables and materialized views) and sequences (of each that is not
-- at its start, the OID with the last value and whether it has been used).
DO $$
DECLARE
    v_name text;
    v_sequence record;
    v_count bigint;
    v_last bigint;
    v_is_called boolean;
    v_rows bigint := 0;
    v_sequences jsonb := '{}';
BEGIN
    FOR v_name IN
        SELECT c.oid::regclass::text
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relispopulated
            AND n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_'
            AND pg_catalog.pg_relation_size(c.oid) > 0
    LOOP
        EXECUTE pg_catalog.format('SELECT pg_catalog.count(*) FROM ONLY %s', v_name) INTO v_count;
        v_rows := v_rows + v_count;
    END LOOP;
    FOR v_sequence IN
        SELECT s.seqrelid, s.seqrelid::regclass::text AS name, s.seqstart FROM pg_catalog.pg_sequence AS s
    LOOP
        EXECUTE pg_catalog.format('SELECT last_value, is_called FROM %s', v_sequence.name) INTO v_last, v_is_called;
        IF v_is_called OR v_last <> v_sequence.seqstart THEN
            v_sequences := v_sequences || pg_catalog.jsonb_build_object(
                v_sequence.seqrelid::text, pg_catalog.jsonb_build_array(v_last, v_is_called)
            );
        END IF;
    END LOOP;
    PERFORM pg_catalog.set_config(
        'fowergram.contents',
        pg_catalog.jsonb_build_object('rows', v_rows, 'sequences', v_sequences)::text,
        true
    );
END
$$;
