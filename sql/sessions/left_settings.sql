-- Purpose: what other clients of a pooler have left in this session, each set for the current transaction to
-- what the session began with. Read before anything is set: every operator says which it is.
-- Oldest server: 13. Privileges: none. Columns: name, setting (what was left, as set_config takes it), reset.
SELECT
    s.name,
    s.setting,
    pg_catalog.set_config(s.name, NULL, true) AS reset
FROM pg_catalog.pg_settings AS s
WHERE
    s.source OPERATOR(pg_catalog.=) 'session'::pg_catalog.text
    AND (
        s.context OPERATOR(pg_catalog.=) 'user'::pg_catalog.text
        OR s.context OPERATOR(pg_catalog.=) 'superuser'::pg_catalog.text
        AND pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'::pg_catalog.text
    )
    -- These belong to the transaction, and the last two to the protocol.
    AND s.name OPERATOR(pg_catalog.<>) ALL (
        ARRAY[
            'transaction_deferrable', 'transaction_isolation', 'transaction_read_only', 'application_name',
            'client_encoding'
        ]::pg_catalog.text[]
    );
