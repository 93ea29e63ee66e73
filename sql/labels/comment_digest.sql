-- Purpose: the digest of the comment on a database, as seals contain it. It replaces the placeholder comment_digest:
-- the comment is called note there.
-- It is of the bytes as they are stored: convert_to fails if a client of another encoding has written some that are no
-- text here, and a planner may call this for the comments of all databases. decode reads only backslashes as a sign.
-- Oldest server: 13. Privileges: none. Type: text.
pg_catalog.encode(
    pg_catalog.sha256(pg_catalog.decode(pg_catalog.replace(note.description, E'\\', E'\\\\'), 'escape')), 'hex'
)
