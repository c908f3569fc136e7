"""The one exception that stands for bad input."""

import difflib
from collections.abc import Iterable


class BadInput(ValueError):
    """What the user gave cannot be used.

    The message is one line that names the thing (file, key, value) and the mend. The command line and the nodes
    print it and exit with status 2; every other exception is a fault of ours.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean 'dqn'?", or the list of what there is."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"there is: {', '.join(known) or 'none'}"
