"""`python -m due_notices`, the same as the installed command `due-notices`."""

from __future__ import annotations

import sys

try:
    from due_notices.commands.main import main
except ModuleNotFoundError as error:
    if error.name not in {"click", "rich"}:
        raise
    sys.exit(f"the command line needs the package {error.name}: call `make setup`, or install requirements-dev.txt")
except KeyboardInterrupt:  # before anything was begun
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
