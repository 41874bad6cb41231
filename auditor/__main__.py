"""The command `photo-auditor`, and `python -m auditor` where it is not on the path."""

from auditor import interrupts


def main() -> None:
    """Run the command line. An interrupt is heard before its modules are read, which takes a moment."""
    interrupts.install()
    from auditor.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
