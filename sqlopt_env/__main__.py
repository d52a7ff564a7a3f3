"""`python -m sqlopt_env` is the command line, as `sqlopt` is."""

from .cli import main

if __name__ == "__main__":
    main()
