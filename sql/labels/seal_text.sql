-- Purpose: the text of the seal of a database, as the database and its comment are now: the transaction that wrote the
-- row of pg_database, so that no later ALTER DATABASE goes unseen, and the digest of the comment. To be put in where the
-- placeholder seal_text stands: the database is called d there, its comment note.
-- Oldest server: 13. Privileges: none. Type: text.
pg_catalog.concat('fowergram-db seal ', d.xmin, ' ', {comment_digest})
