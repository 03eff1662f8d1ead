"""`python -m sptrader`: the command line."""

from sptrader.cli import main

if __name__ == "__main__":
    main()
