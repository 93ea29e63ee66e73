"""A database as run-migrations.sh left it, with made-up rows: with UUIDs, or with numbers as keys."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def old_schema(*, keys: str) -> str:
    """Return the SQL that makes the old tables; ``keys`` is "uuid" or "integer"."""
    of_row = "UUID PRIMARY KEY DEFAULT gen_random_uuid()" if keys == "uuid" else "SERIAL PRIMARY KEY"
    text = (_HERE / "old_database.sql").read_text(encoding="utf-8")
    return text.replace("{id}", of_row).replace("{reference}", keys)


def old_rows(users: int, per: int = 3, *, keys: str) -> str:
    """Return the SQL that fills the old tables: ``per`` posts, follows and so on for each of ``users`` accounts."""
    text = (_HERE / "old_rows.sql").read_text(encoding="utf-8")

    def key(table: str, number: str) -> str:
        return f"md5('{table}' || ({number}))::uuid" if keys == "uuid" else f"({number})"

    places = {
        "users": str(users),
        "per": str(per),
        "n_user": key("users", "n"),
        "n_author": key("users", f"(n - 1) % {users} + 1"),
        "follower": key("users", f"(n - 1) % {users} + 1"),
        "following": key("users", f"(n - 1 + k) % {users} + 1"),
        "n_post": key("posts", "n"),
        "n_media": key("media", "n"),
        "n_follow": key("followers", "n"),
        "n_follow2": key("followers", f"n + {users}"),
        "n_like": key("likes", f"(n - 1) * {per} + k"),
        "n_comment": key("comments", "n"),
        "n_reply": key("comments", f"n + {users * per}"),
        "n_story": key("stories", "n"),
        "n_verification": key("verifications", "n"),
    }
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text
