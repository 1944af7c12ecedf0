"""Where the command begins: `dokimasia`, and `python -m audit`, can be interrupted before they were even loaded."""

from audit.exit_codes import INTERRUPTED

__all__ = ["start"]


def start() -> None:
    """Run the command; an interrupt while its modules are imported ends it as any later one does."""
    try:
        from audit.cli.app import main
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    main()


if __name__ == "__main__":
    start()
