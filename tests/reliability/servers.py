"""The servers of a campaign: one for all cases, and copies of a data directory that are crashed and disconnected."""

import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

from fowergram_db.database.target import Target
from tests.integration.proxy import ConnectionEnd
from tests.reliability.campaign import Campaign
from tests.reliability.cases import Fault
from tests.reliability.grounds import BehindPooler, Failover, Ground, OwnServer, SharedServer, SilentNetwork
from tools.servers import made

Prepared = tuple[Campaign, Mapping[Fault, Callable[[], Ground]]]


@contextmanager
def prepared(native: Path, place: Path, settings: Mapping[str, str], files: dict[str, str]) -> Iterator[Prepared]:
    """Yield a campaign and each fault's ground; servers run the programs below ``native``, with data in ``place``."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="fowergram-db-reliability-"))
        base = stack.enter_context(made(native, place))
        shared = base.copied("shared")
        server = stack.enter_context(shared.started(settings))
        target = Target("postgres", "postgres", "127.0.0.1", str(server.port))
        run = Campaign(target, Path(home) / "migrations", files)
        run.prepare()
        with base.started(settings) as own:
            run.make_templates(Target("postgres", "postgres", "127.0.0.1", str(own.port)))
        own_server = partial(OwnServer, base, settings)
        silent = cache(partial(SilentNetwork, base, settings, stack))
        yield (
            run,
            {
                Fault.KILL: partial(SharedServer, target),
                Fault.RESET: partial(SharedServer, target, ConnectionEnd.RESET),
                Fault.CLOSE: partial(SharedServer, target, ConnectionEnd.CLOSE),
                Fault.CRASH: partial(own_server, signal.SIGKILL),
                Fault.SHUTDOWN: partial(own_server, signal.SIGQUIT),
                Fault.FAILOVER: partial(Failover, base, settings),
                Fault.POOLER: partial(BehindPooler, target),
                Fault.PAUSE: partial(SharedServer, target),
                Fault.FREEZE: partial(SharedServer, target, None, 24),
                Fault.CLIENT_GONE: silent,
                Fault.SILENCE: silent,
            },
        )
