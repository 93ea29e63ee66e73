-- Purpose: record an applied migration as its file is now.
-- Oldest server: 13. Privileges: UPDATE on the table.
UPDATE public.schema_migrations AS m
SET filename = %(filename)s, name = %(name)s, checksum = %(checksum)s, down_sql = %(down_sql)s
WHERE m.version = %(version)s AND m.state = 'applied';
