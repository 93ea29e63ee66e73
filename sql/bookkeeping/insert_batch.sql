-- Purpose: record a migration that has run in this transaction since fowergram.began, in seconds of the epoch, and
-- cannot have ended it. If a trigger has prevented the row, the division fails: the COMMIT that follows must not
-- happen.
-- Oldest server: 13. Privileges: INSERT on the table. Columns: duration_ms.
WITH written AS (
    INSERT INTO public.schema_migrations (
        filename, checksum, {version_columns}, name, duration_ms, tool_version, down_sql, statements_done
    )
    VALUES (
        %(filename)s,
        %(checksum)s,
        {version_values},
        %(name)s,
        -- A clock that is put back meanwhile does not make it negative.
        1000::double precision * greatest(
            0::double precision,
            extract(EPOCH FROM pg_catalog.clock_timestamp())::double precision
            - pg_catalog.current_setting('fowergram.began')::double precision
        ),
        %(tool_version)s,
        %(down_sql)s,
        %(statements_done)s
    )
    RETURNING duration_ms
)
SELECT pg_catalog.max(duration_ms) * (1 / pg_catalog.count(*))::double precision AS duration_ms FROM written;
