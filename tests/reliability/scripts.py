"""The migrations that the campaign runs: one of each kind, and long enough to be hit in the middle."""

from pathlib import Path

_ROWS = 4000
_COPIED = "".join(f"{n}\tname {n}\t{n % 7}\n" for n in range(1, _ROWS + 1))

_BEFORE = {
    "001_accounts": """
CREATE TABLE accounts (id int PRIMARY KEY, name text NOT NULL, kind int NOT NULL);
CREATE FUNCTION shout(words text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(words) $$;
-- back:
DROP FUNCTION shout(text);
DROP TABLE accounts;
""",
    "002_rows": f"""
COPY accounts (id, name, kind) FROM stdin;
{_COPIED}\\.
-- back:
DELETE FROM accounts;
""",
    "003_slow": """
ALTER TABLE accounts ADD COLUMN slow text;
SELECT pg_sleep(0.15);
CREATE INDEX accounts_kind_idx ON accounts (kind);
-- back:
DROP INDEX accounts_kind_idx;
SELECT pg_sleep(0.15);
ALTER TABLE accounts DROP COLUMN slow;
""",
    "004_posts": """
CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT posts_pkey PRIMARY KEY,
    account_id int NOT NULL REFERENCES accounts
);
INSERT INTO posts (account_id) SELECT id FROM accounts;
CREATE VIEW busy AS SELECT account_id, count(*) AS posts FROM posts GROUP BY account_id;
-- back:
DROP VIEW busy;
DROP TABLE posts;
""",
}
_CONCURRENT = {
    "005_indexes": """-- fowergram: no-transaction
CREATE INDEX CONCURRENTLY accounts_name_idx ON accounts (name);
CREATE INDEX CONCURRENTLY posts_account_id_idx ON posts (account_id);
CREATE UNIQUE INDEX CONCURRENTLY accounts_shout_idx ON accounts (shout(name));
-- back:
-- fowergram: no-transaction
DROP INDEX CONCURRENTLY accounts_shout_idx;
DROP INDEX CONCURRENTLY posts_account_id_idx;
DROP INDEX CONCURRENTLY accounts_name_idx;
""",
}
_AFTER = {
    "006_colours": """
CREATE TYPE colour AS ENUM ('red', 'green');
ALTER TABLE accounts ADD COLUMN colour colour;
UPDATE accounts SET colour = 'red';
-- back:
ALTER TABLE accounts DROP COLUMN colour;
DROP TYPE colour;
""",
    "007_small": """
CREATE TABLE small (id int);
-- back:
DROP TABLE small;
""",
}
# Neighbours that travel together, on their way up.
_SMALL = {
    f"{n:03}_small": f"""
CREATE TABLE small_{n} (id int PRIMARY KEY, account_id int REFERENCES accounts, words text);
CREATE INDEX small_{n}_account_id_idx ON small_{n} (account_id);
CREATE INDEX small_{n}_words_idx ON small_{n} (lower(words));
COMMENT ON TABLE small_{n} IS 'number {n}';
-- back:
DROP TABLE small_{n};
"""
    for n in range(8, 28)
}
WITHOUT_CONCURRENT = _BEFORE | _AFTER | _SMALL
ALL = _BEFORE | _CONCURRENT | _AFTER | _SMALL


def write(directory: Path, scripts: dict[str, str]) -> tuple[int, ...]:
    """Write the files, each with its down file; return their versions in order."""
    directory.mkdir()
    for name, script in scripts.items():
        up, _, down = script.partition("-- back:\n")
        (directory / f"{name}.up.sql").write_text(up, encoding="utf-8")
        (directory / f"{name}.down.sql").write_text(down, encoding="utf-8")
    return tuple(int(name.partition("_")[0]) for name in scripts)
