"""`sqlopt`: one command a file."""


def main() -> None:
    """The console script."""
