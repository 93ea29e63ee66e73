-- Purpose: what run-migrations.sh has recorded, oldest first. It wrote a row for a file that had failed, too.
-- Oldest server: 13. Privileges: SELECT on the table.
-- Columns, the same for every tool: version, name, filename (each NULL where the tool has none); executed_at;
-- ok (false: started, and failed or undone); covers (true: all versions below it count as applied, too); and here
-- alone, the checksum of the file's bytes.
SELECT NULL::text, NULL::text, m.filename::text, m.executed_at::timestamptz, true, false, m.checksum::text
FROM {table} AS m
WHERE m.filename IS NOT NULL
ORDER BY m.id;
