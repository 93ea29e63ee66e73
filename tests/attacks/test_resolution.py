"""Operators, functions and types of a hostile role, of all types that shipped SQL could fall into: none is used."""

from tests.attacks.resolution import Trees, resolve, shipped_calls
from tests.attacks.shipped import Statement
from tests.attacks.traps import set_traps


def test_no_shipped_call_resolves_to_what_another_role_has_made(db, mallory):
    db.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    with mallory.connect(db.info.dbname) as own:
        made = set_traps(own, "public", "")
    assert made.operators > 5000
    assert made.functions > 1000
    found = shipped_calls(db)
    assert len({call.name for call in found}) > 200
    assert [str(call) for call in found if call.owner == mallory.name] == []
    # The traps are such that an inexact call does end in one.
    inexact = Statement("", 1, "SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = 1")
    assert [(call.name, call.owner) for call in resolve(db, Trees(db).of_query(inexact))] == [
        ("public.=(oid, integer)", mallory.name)
    ]
