"""Run the command line as ``python -m fowergram_db``."""

from fowergram_db.cli.main import main

if __name__ == "__main__":
    main()
