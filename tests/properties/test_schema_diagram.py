"""Entity diagrams: which tables, columns and lines are in them, and that every line is one that mermaid reads."""

import re

from hypothesis import given
from hypothesis import strategies as st

from fowergram_db.schema.description import Column, Constraint, Index, Relation
from fowergram_db.schema.diagram import entity_diagram

# What all versions of mermaid read; the newest ones read more.
LINE = re.compile(
    r"""erDiagram
    |\ {4}"[^"%\\~\s]+"\ \{
    |\ {8}(?![PFU]K\b)[A-Z_][A-Z0-9_\[\]]*\ (?![PFU]K\b)[A-Z_][A-Z0-9_\[\]]*(\ [PFU]K(,\ [PFU]K)*)?(\ "[^"%\\~]+")?
    |\ {4}\}
    |\ {4}"[^"%\\~\s]+"\ (\|\||\|o)--(o\||o\{)\ "[^"%\\~\s]+"\ :\ "[^"%\\~]+"
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
NAMES = st.text(
    st.one_of(
        st.sampled_from("pkPKfku|\"'%\\~`{}[]#;: \n\u2028\ufeffกำ"), st.characters(exclude_categories=("Cs", "Cc"))
    ),
    min_size=1,
    max_size=12,
)


def to(table, *columns):
    return Constraint(f"to {table}", "foreign key", "", columns, table, ("id",), "", "")


def key(*columns, kind="unique"):
    return Constraint("key", kind, "", columns, "", (), "", "")


def a_table(identity, *rules, nullable=(), columns=(), kind="table", name=None):
    schema, _, own = identity.partition(".")
    rules = (key("id", kind="primary key"), *rules)
    named = dict.fromkeys((*(each for rule in rules for each in rule.columns), *columns))
    return Relation(
        identity, schema, name or own, kind, "",
        columns=tuple(Column(each, "timestamp with time zone", each in nullable, "", "") for each in named),
        constraints=tuple(rule for rule in rules if isinstance(rule, Constraint)),
        indexes=tuple(rule for rule in rules if isinstance(rule, Index)),
    )  # fmt: skip


def test_a_diagram_has_keys_and_what_they_lead_to():
    tables = [
        a_table("public.users", columns=("name", "bio")),
        a_table(
            "shop.orders",
            to("public.users", "buyer"),
            to("public.users", "seller"),
            to("shop.orders", "parent"),
            key("number", "year"),
            Index("i", True, True, "", ("code",), ""),
            nullable=("parent",),
        ),
        a_table("public.profile", to("public.users", "user_id"), key("user_id")),
        a_table("public.names", kind="view"),
    ]
    assert entity_diagram(tables) == (
        """\
erDiagram
    "users" {
        timestamptz id PK
    }
    "shop.orders" {
        timestamptz id PK
        timestamptz buyer FK
        timestamptz seller FK
        timestamptz parent FK
        timestamptz number
        timestamptz year
        timestamptz code UK
    }
    "profile" {
        timestamptz id PK
        timestamptz user_id FK, UK
    }
    "users" ||--o{ "shop.orders" : "buyer, seller"
    "shop.orders" |o--o{ "shop.orders" : "parent"
    "users" ||--o| "profile" : "user_id"
"""
    )


def test_a_table_outside_the_diagram_is_a_box_without_columns():
    tables = [a_table("public.users"), a_table("public.posts", to("public.users", "user_id")), a_table("public.other")]
    assert entity_diagram(tables, ["public.posts"]) == (
        """\
erDiagram
    "posts" {
        timestamptz id PK
        timestamptz user_id FK
    }
    "users" ||--o{ "posts" : "user_id"
"""
    )


def test_a_table_that_many_refer_to_is_named_at_their_columns_instead():
    users = a_table("public.users")
    posts = [a_table(f"public.posts{number}", to("public.users", "user_id")) for number in range(4)]
    shown = [table.identity for table in posts]
    text = entity_diagram([users, *posts], shown)
    assert text.count('timestamptz user_id FK "→ users"') == 4
    assert "--" not in text
    assert entity_diagram([users, *posts], shown[:3]).count("--") == 3
    assert entity_diagram([users, *posts]).count("--") == 4


@given(st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES), min_size=1, max_size=5))
def test_whatever_the_names_are_every_line_is_one_that_mermaid_reads(names):
    tables = [
        a_table(f"{schema}.{number}", to(f"{names[0][0]}.0", column), key(other), name=name)
        for number, (schema, name, column, other) in enumerate(names)
    ]
    for shown in (None, [table.identity for table in tables[1:]]):
        lines = entity_diagram(tables, shown).splitlines()
        assert [line for line in lines if not LINE.fullmatch(line)] == []
        boxes = [line for line in lines if line.endswith('" {')]
        assert len(set(boxes)) == len(boxes) == len(tables if shown is None else shown)
