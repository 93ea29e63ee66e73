"""Markdown of a schema: a reader is shown its texts exactly as they are, whatever they contain."""

import re

import pytest

from fowergram_db.schema.description import (
    Argument,
    Column,
    Constraint,
    Description,
    Function,
    Index,
    Namespace,
    Relation,
    Trigger,
    Type,
)
from fowergram_db.schema.markdown import markdown
from fowergram_db.schema.markup import slugs
from fowergram_db.schema.page_layout import Area, FunctionGroup, PageLayout, misplaced
from tests.rendered import rendered


def test_headings_are_linked_as_github_does():
    headings = ["Stories & old", "stories", "stories", "stories-1", "a.b|c", "ตาราง", "a`b (c)"]
    assert slugs(headings) == ["stories--old", "stories", "stories-1", "stories-1-1", "abc", "ตาราง", "ab-c"]


def a_table(identity, **parts):
    schema, _, name = identity.partition(".")
    return Relation(identity, schema, name, parts.pop("kind", "table"), parts.pop("comment", ""), **parts)


def a_function(identity, result="integer", arguments=(), kind="function", language="sql"):
    schema, _, name = identity.partition("(")[0].partition(".")
    return Function(
        identity, schema, name, kind, arguments, result, language, "stable", "safe", False, False, comment=""
    )


ID = Column("id", "uuid", False, "gen_random_uuid()", "")
USER = Column("user_id", "uuid", True, "", "The author.")
TO_USERS = Constraint("posts_fkey", "foreign key", "", ("user_id",), "public.users", ("id",), "ON DELETE CASCADE", "")
DESCRIPTION = Description(
    namespaces=(Namespace("public", "standard"), Namespace("shop", "What is sold.")),
    relations=(
        a_table(
            "public.posts",
            columns=(ID, USER, Column("mood", "public.mood[]", True, "", "")),
            constraints=(
                Constraint("posts_check", "check", "CHECK (a | b)", (), "", (), "", "why"),
                TO_USERS,
                Constraint("posts_pkey", "primary key", "PRIMARY KEY (id)", ("id",), "", (), "", ""),
            ),
            indexes=(Index("posts_idx", True, False, "btree (id)", (), "for speed"),),
            triggers=(
                Trigger("keep_a", "AFTER", ("INSERT",), "row", "", "public.keep()", "'|'", True, ""),
                Trigger("keep_b", "AFTER", ("DELETE",), "row", "", "public.keep()", "'|'", True, "why"),
                Trigger("other", "BEFORE", ("UPDATE",), "row", "new.a", "public.keep()", "", False, ""),
            ),
        ),
        a_table("public.users", columns=(ID,), comment="An account."),
        a_table("shop.orders", partition_key="RANGE (at)", inherits=("public.posts",)),
        a_table("shop.totals", kind="view", columns=(Column("n", "timestamp with time zone", True, "", "How many."),)),
    ),
    types=(Type("public.mood", "public", "mood", "enum", "How one feels.", labels=("sad", "ok")),),
    functions=(
        a_function(
            "public.get_all(integer)",
            "TABLE(id uuid, mood public.mood)",
            arguments=(
                Argument("p_limit", "in", "integer", "10"),
                Argument("id", "table", "uuid", ""),
                Argument("mood", "table", "public.mood", ""),
            ),
        ),
        a_function("public.keep()", "trigger"),
        a_function("public.moods(text)", "SETOF public.mood", arguments=(Argument("", "variadic", "text[]", ""),)),
        a_function("shop.nothing()", "", kind="procedure", language="plpgsql"),
    ),
)
LAYOUT = PageLayout(
    "All of it",
    (Area("People", ("public.users",)), Area("Things", ("shop.orders", "public.posts"), "What they make.")),
    (FunctionGroup("Readers", "get_.*", "To read with."),),
    ("See [there](there.md).",),
)


def entry(text, heading):
    """Return the text below a heading."""
    return re.search(rf"^#+ {re.escape(heading)}\n\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)[1].strip()


def test_a_table_is_described_with_columns_constraints_and_triggers():
    assert entry(markdown(DESCRIPTION, LAYOUT), "`posts`") == (
        """\
| column | type | null | default | comment |
|---|---|---|---|---|
| `id` | `uuid` |  | `gen_random_uuid()` |  |
| `user_id` | `uuid` | yes |  | → [`users`](#users): The author. |
| `mood` | [`public.mood[]`](#mood) | yes |  |  |

| key, check or index | definition |
|---|---|
| `posts_pkey` | `PRIMARY KEY (id)` |
| `posts_fkey` | `FOREIGN KEY (user_id)` → [`users`](#users) `(id)` `ON DELETE CASCADE` |
| `posts_check` | `CHECK (a \\| b)`<br>why |
| `posts_idx` | `UNIQUE INDEX btree (id)`, not valid<br>for speed |

| trigger | fires | calls |
|---|---|---|
| `keep_a`<br>`keep_b` | `AFTER INSERT`, per row<br>`AFTER DELETE`, per row | [`keep`](#keep) `('\\|')`<br>why |
| `other` | `BEFORE UPDATE WHEN (new.a)`, per row, disabled | [`keep`](#keep) |"""
    )


def test_each_other_object_is_described_by_its_kind():
    text = markdown(DESCRIPTION, LAYOUT)
    assert entry(text, "`shop.orders`") == "Partitioned by `RANGE (at)`. Inherits from [`posts`](#posts)."
    assert entry(text, "`users`").endswith("Referred to by [`posts`](#posts).")
    assert entry(text, "`shop.totals`") == (
        "A view.\n\n| column | type | comment |\n|---|---|---|\n| `n` | `timestamptz` | How many. |"
    )
    assert entry(text, "`mood`") == "How one feels.\n\nAn enum: `sad`, `ok`."
    assert entry(text, "`get_all`") == (
        "```sql\nFUNCTION get_all(p_limit integer DEFAULT 10)\nRETURNS TABLE (id uuid, mood public.mood)\n"
        "LANGUAGE sql STABLE PARALLEL SAFE\n```"
    )
    assert entry(text, "`moods`").endswith("Returns [`SETOF public.mood`](#mood).")
    assert entry(text, "`keep`").endswith("Called by triggers of [`posts`](#posts).")
    assert entry(text, "`shop.nothing`") == "```sql\nPROCEDURE shop.nothing()\nLANGUAGE plpgsql\n```"


def test_the_document_is_in_the_order_of_its_layout_and_nothing_is_left_out():
    text = markdown(DESCRIPTION, LAYOUT)
    page = rendered(text)
    assert page.headings == (
        "All of it", "Contents",
        "People", "users", "Things", "shop.orders", "posts", "Everything else", "shop.totals",
        "Functions", "Readers", "get_all", "Trigger functions", "keep", "Other functions", "moods", "shop.nothing",
        "Types", "mood",
    )  # fmt: skip
    assert page.dangling == set()
    assert {"See there.", "What they make.", "To read with."} <= set(page.paragraphs)
    assert len([language for language, _ in page.fences if language == "mermaid"]) == 2


def test_without_a_layout_each_schema_is_an_area():
    page = rendered(markdown(DESCRIPTION))
    assert page.headings[:8] == (
        "Database schema", "Contents", "public", "posts", "users", "shop", "shop.orders", "shop.totals"
    )  # fmt: skip
    assert page.dangling == set()
    assert markdown(Description()) == "# Database schema\n\n## Contents\n"


@pytest.mark.parametrize(
    ("areas", "wrong"),
    [
        ({"a": "public.posts public.users", "b": "shop.orders shop.totals"}, ()),
        ({"a": "public.posts public.users shop.orders"}, ("shop.totals is in no area",)),
        (
            {"a": "public.posts public.users shop.orders shop.totals", "b": "public.users public.old"},
            ("public.users is in more than one area", "public.old is in an area, but not in the database"),
        ),
    ],
)
def test_faults_of_a_layout_are_reported(areas, wrong):
    layout = PageLayout("", tuple(Area(title, tuple(names.split())) for title, names in areas.items()))
    assert misplaced(DESCRIPTION, layout) == wrong
