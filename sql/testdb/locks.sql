-- Purpose: the advisory locks that runs, and builders of templates, hold in any database of this server.
-- Oldest server: 13. Privileges: none. Parameter: spaces (integer[]: the first numbers). Columns: space, key (integers).
SELECT l.classid::bigint::integer AS space, l.objid::bigint::integer AS key
FROM pg_catalog.pg_locks AS l
WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
    AND l.classid::bigint = ANY (%(spaces)s::bigint[]);
