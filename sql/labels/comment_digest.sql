-- Purpose: the digest of the comment on a database, as seals contain it. It replaces the placeholder comment_digest:
-- the comment is called note there.
-- It is of the bytes as they are stored: convert_to fails if a client of another encoding has written some that are no
-- text here, and a planner may call this for the comments of all databases. So the comment is first made ASCII, as a
-- literal with escapes; then its quotes are taken away, and decode reads the escapes.
-- Oldest server: 13. Privileges: none. Type: text.
pg_catalog.encode(
    pg_catalog.sha256(
        pg_catalog.decode(
            pg_catalog.replace(
                pg_catalog.regexp_replace(
                    pg_catalog.encode(
                        pg_catalog.decode(pg_catalog.quote_literal(note.description), 'escape'), 'escape'
                    ),
                    '^E?''|''$', '', 'g'
                ),
                '''''', ''''
            ),
            'escape'
        )
    ),
    'hex'
)
