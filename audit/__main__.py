"""Where the command begins: `dokimasia`, and `python -m audit`, can be interrupted before they were even loaded."""

import gc

from audit.exit_codes import INTERRUPTED

__all__ = ["start"]


def start() -> None:
    """Run the command; an interrupt while its modules are imported ends it as any later one does.

    Nothing of what is imported is ever rubbish, so that none is looked for, then or later.
    """
    gc.disable()
    try:
        from audit.cli.app import main
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    gc.freeze()
    gc.enable()
    main()


if __name__ == "__main__":
    start()
