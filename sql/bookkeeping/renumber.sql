-- Purpose: give the rows of these files other versions, in the {table} of the history, where they are texts now.
-- Oldest server: 13. Privileges: UPDATE on the table. Parameters, arrays of text of one length: filenames, versions,
-- positions.
UPDATE {table} AS m
SET version = n.version, position = n.position
FROM ROWS FROM (
    pg_catalog.unnest(%(filenames)s::text[]),
    pg_catalog.unnest(%(versions)s::text[]),
    pg_catalog.unnest(%(positions)s::text[])
) AS n (filename, version, position)
WHERE m.filename = n.filename;
