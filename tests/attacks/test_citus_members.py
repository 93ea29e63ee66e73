"""The owner of a schema puts an object of its own in the place of what the extension citus keeps there."""

from dataclasses import replace

import pytest
from psycopg import sql

from fowergram_db.database import citus
from fowergram_db.database.connection import connect, connect_safely
from fowergram_db.database.sql import load
from fowergram_db.errors import Refused
from tests.citus import server_with_citus

TRAP = """
ALTER SCHEMA public RENAME TO away;
CREATE SCHEMA public;
GRANT ALL ON SCHEMA public TO PUBLIC;
CREATE SEQUENCE public.entered;
GRANT ALL ON public.entered TO PUBLIC;
CREATE FUNCTION public.trap() RETURNS SETOF integer LANGUAGE plpgsql AS
$$BEGIN PERFORM nextval('public.entered'); RETURN; END$$;
CREATE VIEW public.citus_tables AS SELECT t FROM public.trap() AS t;
"""


def test_a_view_that_is_put_in_place_of_the_extension_s_is_not_entered(native, monkeypatch):
    with server_with_citus(native) as server:
        shop = replace(server, dbname="shop")
        with connect(server) as admin:
            admin.execute("CREATE ROLE mallory LOGIN")
            admin.execute("CREATE DATABASE shop OWNER mallory")
        with connect(shop) as admin:
            admin.execute("CREATE EXTENSION citus")
            admin.execute("ALTER SCHEMA public OWNER TO mallory")
        with connect(replace(shop, user="mallory")) as mallory, connect_safely(shop) as session:

            def load_and_replace(name):
                # The members are found: what reads them is sent next.
                moved = mallory.execute("SELECT to_regclass('away.citus_tables') IS NOT NULL").fetchone()
                if name == "catalog/citus_guard" and moved == (False,):
                    mallory.execute(sql.SQL(TRAP))
                return load(name)

            monkeypatch.setattr(citus, "load", load_and_replace)
            with pytest.raises(Refused, match="citus_tables of the extension citus was moved"):
                citus.read_citus(session)
            assert mallory.execute("SELECT is_called FROM public.entered").fetchone() == (False,)
