"""Pages and diagrams of a database with names and comments that are nothing like words."""

from fowergram_db.schema.catalog import describe
from fowergram_db.schema.diagram import entity_diagram
from fowergram_db.schema.markdown import markdown
from tests.rendered import rendered

ODD = r"""
CREATE SCHEMA "a.b|c";
CREATE TYPE "a.b|c"."o'n`e" AS ENUM ('<i>|`x`', 'x', E'b\n*c*');
COMMENT ON TYPE "a.b|c"."o'n`e" IS E'One | two\n\n# three\n- `four` <b>five</b> \\| _six_ [seven](x) &amp; $8$';
CREATE TABLE "a.b|c"."ตาราง ""x" (
    "pk" uuid PRIMARY KEY, "a|b" "a.b|c"."o'n`e" NOT NULL DEFAULT 'x', "a\|b" text DEFAULT '|| `` \|', "น้ำ" text[],
    CONSTRAINT "c|`|" CHECK ("น้ำ"[1] || '|' <> E'\n``')
);
COMMENT ON TABLE "a.b|c"."ตาราง ""x" IS E'1. ตาราง | *not* markup\n```\n<script>line</script>';
COMMENT ON COLUMN "a.b|c"."ตาราง ""x"."a|b" IS E'a | b\r\nc \\| d';
CREATE TABLE "a.b|c"."ตาราง x" (
    "pk" uuid REFERENCES "a.b|c"."ตาราง ""x", "direction TB" int PRIMARY KEY, "2" int UNIQUE, "~%""{\" text UNIQUE
);
CREATE TABLE "a.b|c"."ตาราง_x" ("fkไทย" int REFERENCES "a.b|c"."ตาราง x", "end" "a.b|c"."o'n`e" PRIMARY KEY);
CREATE FUNCTION "a.b|c"."f`(|"("ก" "a.b|c"."o'n`e" DEFAULT 'x') RETURNS "a.b|c"."o'n`e"[]
    LANGUAGE sql AS $$ SELECT ARRAY[$1] $$;
"""


def test_odd_names_and_comments_are_shown_as_they_are(empty_db):
    empty_db.execute(ODD)
    page = rendered(markdown(describe(empty_db)))
    assert page.headings[2:] == (
        "a.b|c", 'a.b|c.ตาราง "x', "a.b|c.ตาราง x", "a.b|c.ตาราง_x",
        "Functions", "Other functions", "a.b|c.f`(|", "Types", "a.b|c.o'n`e",
    )  # fmt: skip
    assert "1. ตาราง | *not* markup\n```\n<script>line</script>" in page.paragraphs
    assert "One | two\n# three\n- `four` <b>five</b> \\| _six_ [seven](x) &amp; $8$" in page.paragraphs
    assert "An enum: <i>|`x`, x, b *c*." in page.paragraphs
    columns, rules, *_ = page.tables
    assert columns[1:] == (
        ("pk", "uuid", "", "", ""),
        ("a|b", '"a.b|c"."o\'n`e"', "", '\'x\'::"a.b|c"."o\'n`e"', "a | b\nc \\| d"),
        ("a\\|b", "text", "yes", "'|| `` \\|'::text", ""),
        ("น้ำ", "text[]", "yes", "", ""),
    )
    assert rules[2][0] == "c|`|"
    assert page.dangling == set()
    assert not any(text.startswith("HTML") for text in page.paragraphs)


def test_a_diagram_of_odd_names_has_words_that_mermaid_reads(empty_db):
    empty_db.execute(ODD)
    assert entity_diagram(describe(empty_db).relations) == (
        """\
erDiagram
    "a.b_c.ตาราง_x" {
        uuid _pk PK "pk"
    }
    "a.b_c.ตาราง_x_2" {
        uuid _pk FK "pk"
        integer direction_TB PK "direction_TB"
        integer _2 UK "2"
        text _ UK "_"
    }
    "a.b_c.ตาราง_x_3" {
        integer fk_ FK "fkไทย"
        _a_b_c_o_n_e_ end PK
    }
    "a.b_c.ตาราง_x" |o--o{ "a.b_c.ตาราง_x_2" : "pk"
    "a.b_c.ตาราง_x_2" |o--o{ "a.b_c.ตาราง_x_3" : "fkไทย"
"""
    )
