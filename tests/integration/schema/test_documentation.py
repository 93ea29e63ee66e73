"""docs/database-schema.md is what the catalog says of the schema that the migrations build."""

import difflib
from itertools import islice

import pytest

from fowergram_db.schema.catalog import describe
from tests.rendered import rendered
from tools.schema_docs import PAGE, page

pytestmark = pytest.mark.every_version

_MOST_SHOWN = 40


def test_the_page_is_what_the_catalog_says(db):
    committed, wanted = PAGE.read_text(encoding="utf-8"), page(describe(db))
    if committed != wanted:
        lines = difflib.unified_diff(
            committed.splitlines(), wanted.splitlines(), "committed", "schema", n=0, lineterm=""
        )
        shown = "\n".join(islice(lines, _MOST_SHOWN))
        pytest.fail(f"docs/{PAGE.name} is not what the schema is now: run `make docs`.\n{shown}", pytrace=False)


def test_every_link_of_the_page_leads_somewhere():
    found = rendered(PAGE.read_text(encoding="utf-8"))
    assert found.dangling == set()
    files = {link for link in found.links if not link.startswith("#")}
    assert [link for link in files if not (PAGE.parent / link).exists()] == []


def test_a_new_table_must_be_given_its_area(db):
    db.execute("CREATE TABLE new_thing (id integer)")
    with pytest.raises(ValueError, match=r"AREAS in tools/schema_docs\.py: public\.new_thing is in no area$"):
        page(describe(db))


def test_a_table_that_is_gone_must_leave_its_area(db):
    db.execute("DROP TABLE wishlists")
    with pytest.raises(ValueError, match=r"public\.wishlists is in an area, but not in the database$"):
        page(describe(db))
