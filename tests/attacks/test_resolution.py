"""What a hostile role has made, of all names and types that shipped SQL could fall into: none of it is used."""

import pytest

from tests.attacks.resolution import Trees, resolve, shipped_calls
from tests.attacks.shipped import Statement
from tests.attacks.traps import set_traps

pytestmark = pytest.mark.old_versions(whole=True)

# The first is inexact under any search_path; the others need one in which public comes first.
_IN_TRAPS = {
    "SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = 1": "public.=(oid, integer)",
    "SELECT FROM pg_class": "public.pg_class",
    "SELECT 'a'::text": "public.text",
    "SELECT 'a' COLLATE \"C\"": "public.C",
    "SELECT pg_catalog.now()::trap_type": "public.trap_in(timestamp with time zone)",
    "SELECT pg_catalog.now() = 'a'::trap_type": "public.=(timestamp with time zone, trap_type)",
    "SELECT array_agg(c.relname::varchar) FROM pg_catalog.pg_class AS c": "public.array_agg(character varying)",
}


def test_no_shipped_call_resolves_to_what_another_role_has_made(db, mallory):
    db.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    with mallory.connect(db.info.dbname) as own:
        made = set_traps(own, "public", "")
    assert made.operators > 5000
    assert made.functions > 1000
    assert min(made.relations, made.types, made.casts) > 10
    found = shipped_calls(db)
    assert len({call.name for call in found}) > 200
    assert [str(call) for call in found if call.owner == mallory.name] == []
    # The traps are such that what is inexact does end in one.
    for text, name in _IN_TRAPS.items():
        trapped = resolve(db, Trees(db).of_query(Statement("", 1, text)))
        assert name in {call.name for call in trapped if call.owner == mallory.name}, text
        db.execute("SET search_path = public, pg_catalog")
