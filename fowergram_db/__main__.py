"""Run the command line as ``python -m fowergram_db``."""

import os
import sys

if __name__ == "__main__":
    # `python -m` looks for modules in the working directory first, where a file psycopg.py may be anyone's. Only a
    # checkout that is not installed needs that. No pathlib: it would be looked for there.
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    if not sys.flags.safe_path and os.path.abspath(sys.path[0]) != home:  # noqa: PTH100
        del sys.path[0]

    from fowergram_db.cli.main import main

    main()
