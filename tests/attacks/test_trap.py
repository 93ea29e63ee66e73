"""The traps themselves: a test that finds none entered must not pass because none would ever count."""


def test_a_trap_counts_entries_by_others_even_when_they_are_rolled_back(open_public, mallory):
    body = mallory.bring_trap(open_public)
    with mallory.connect(open_public.info.dbname) as own:
        own.execute(f"CREATE FUNCTION public.t() RETURNS int LANGUAGE plpgsql AS $$BEGIN {body} RETURN 1; END$$")
        own.execute("SELECT public.t()")
    assert mallory.entries(open_public) == 0
    open_public.execute("BEGIN; SELECT public.t(); ROLLBACK")
    assert mallory.entries(open_public) == 1
