"""docs/scaling.md: every table has its place, and what plain PostgreSQL can run, runs."""

import re
from pathlib import Path

_PAGE = (Path(__file__).resolve().parents[3] / "docs/scaling.md").read_text(encoding="utf-8")


def test_every_table_has_its_place(column):
    tables = column("""
        SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> 'schema_migrations'""")
    first_cells = [line.split("|")[1] for line in _PAGE.splitlines() if line.startswith("| `")]
    named = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted([*tables, "followers"])


def test_what_plain_postgresql_can_run_runs_on_a_database_with_rows(db, make_user, make_post, add, follow, column):
    author, fan = make_user("author"), make_user("fan")
    post = make_post(author)
    add("likes", user_id=fan, post_id=post)
    follow(fan, author)
    for block in re.findall(r"```sql\n(.*?)```", _PAGE, re.DOTALL):
        db.execute(block)
    assert column("SELECT author_id FROM likes UNION ALL SELECT author_id FROM post_stat_slots") == [author, author]
    newest = "SELECT post_id FROM newest_of_followees(%s, 'infinity', 20)"
    assert column(newest, [author, fan]) == [post]
