"""Files written so that a kill, or a full disk, never leaves half of one."""

import os
from pathlib import Path

from control_bench.errors import BadInput


def write_beside(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; BadInput if it can't be written, what was there before is kept."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except IsADirectoryError as error:
        temporary.unlink(missing_ok=True)
        raise BadInput(f"{path}: can't be written ({error.strerror}): name a file in it") from None
    except OSError as error:
        temporary.unlink(missing_ok=True) if path.parent.is_dir() else None
        raise BadInput(f"{path}: can't be written ({error.strerror}): name a folder you may write to") from None
