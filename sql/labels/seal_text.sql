-- Purpose: the text of the seal of a database, as the database and its comment are now: the transaction that wrote the
-- row of pg_database, so that every later ALTER DATABASE is noticed, and the digest of the comment. It replaces the
-- placeholder seal_text: the database is called d there, its comment note.
-- Oldest server: 13. Privileges: none. Type: text.
pg_catalog.concat('fowergram-db seal ', d.xmin, ' ', {comment_digest})
