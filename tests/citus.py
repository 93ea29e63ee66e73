"""A stand-in for the extension Citus, of its name and shape: enough to see what the tool does where it finds one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fowergram_db.database.target import Target
from tests.integration.conftest import in_memory, target_of
from tools import servers

_CONTROL = "comment = 'a stand-in for Citus'\ndefault_version = '14.0-1'\nrelocatable = false\nschema = pg_catalog\n"
# Each database says by a setting which node it is: ALTER DATABASE … SET citus.stand_in = 'worker'.
_SCRIPT = """
CREATE SCHEMA citus;
CREATE TABLE citus.stand_in_tables (table_name regclass PRIMARY KEY, citus_table_type text NOT NULL);
GRANT USAGE ON SCHEMA citus TO PUBLIC;
GRANT SELECT ON citus.stand_in_tables TO PUBLIC;
CREATE VIEW public.citus_tables AS SELECT table_name, citus_table_type FROM citus.stand_in_tables;
GRANT SELECT ON public.citus_tables TO PUBLIC;
CREATE FUNCTION pg_catalog.citus_is_coordinator() RETURNS boolean LANGUAGE sql STABLE
AS $$SELECT coalesce(pg_catalog.current_setting('citus.stand_in', true), '') <> 'worker'$$;
CREATE FUNCTION pg_catalog.create_distributed_table(table_name regclass, distribution_column text) RETURNS void
LANGUAGE sql AS $$INSERT INTO citus.stand_in_tables VALUES (table_name, 'distributed')$$;
"""


@contextmanager
def server_with_citus(native: Path) -> Iterator[Target]:
    """Run a server, of a copy of the programs below ``native``, on which CREATE EXTENSION citus makes the stand-in."""
    with tempfile.TemporaryDirectory(prefix="fowergram-db-citus-", dir=in_memory()) as place:
        home = Path(place)
        home.chmod(0o755)
        libraries = native.parent.with_name(f"{native.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, home / libraries.name, symlinks=True)
        copy = shutil.copytree(native, home / native.parent.name / native.name, symlinks=True)
        extensions = next(copy.rglob("plpgsql.control")).parent
        (extensions / "citus.control").write_text(_CONTROL)
        (extensions / "citus--14.0-1.sql").write_text(_SCRIPT)
        with servers.made(copy) as cluster, cluster.started() as started:
            yield target_of(started.url)
