-- Purpose: the digest of the comment on a database, as seals have it. To be put in where the placeholder comment_digest
-- stands: the comment is called note there.
-- Oldest server: 13. Privileges: none. Type: text.
pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(note.description, 'UTF8')), 'hex')
