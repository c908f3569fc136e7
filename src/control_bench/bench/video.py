"""A video of an episode, from its record: the picture of its task at every moment, and beside it what is known of it.

True to simulated time: a frame is shown for as long as its steps took. The last one stands a while longer.
"""

import math
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from control_bench.bench.episode import Episode, Run
from control_bench.bench.gif_palette import Palette
from control_bench.bench.pictures import picture_of
from control_bench.bench.pictures.base import SIZE
from control_bench.bench.pictures.panel import WIDTH, Panel
from control_bench.errors import BadInput
from control_bench.files import write_beside
from control_bench.tasks.base import Task

FORMATS = (".mp4", ".gif")
FASTEST, SLOWEST = 30.0, 2.0
"""Frames a second: of what would be faster some moments are left out, what is slower has frames twice or more."""
STANDING = 1.5
"""s: how long the last frame is shown."""
GUESS = 0.1
"""s: a step of a task that does not tell its duration."""
SHADES = 255
"""Colours of a GIF: one is left for what did not change."""


def check_video(path: str | Path) -> Path:
    """The path of a video that can be written; BadInput for another ending, a missing library, or a folder that can't
    be written."""
    path = Path(path).expanduser()
    if path.suffix.lower() not in FORMATS or path.is_dir():
        raise BadInput(f"--video {path}: is no name of a video: let it end in .mp4 or .gif")
    if path.suffix.lower() == ".mp4":
        try:
            import imageio.v2  # noqa: F401
            import imageio_ffmpeg

            imageio_ffmpeg.get_ffmpeg_exe()
        except (ModuleNotFoundError, RuntimeError):
            raise BadInput(
                f"--video {path}: .mp4 needs imageio and ffmpeg: pip install 'control_bench[video]', or name a .gif"
            ) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise BadInput(f"--video {path}: can't be written ({error.strerror}): name a folder you may write to") from None
    return path


class Film:
    """An episode's frames.

    Attributes:
        moments: those that are shown (frames,), steps from 0. times: for how long each of them is, s (frames,).
        duration: of a step, s. rate: frames a second.
    """

    def __init__(self, task: Task, run: Run, episode: Episode) -> None:
        told = getattr(task, "step_duration", None)
        self.duration = told or GUESS
        stride = max(math.ceil(1.0 / (self.duration * FASTEST) - 1e-9), 1)
        last = episode.steps
        self.moments = list(range(0, last, stride)) + [last]
        self.rate = 1.0 / (stride * self.duration)
        self.times = np.append(np.diff(self.moments) * self.duration, STANDING)
        self._picture = picture_of(task, episode)
        self._panel = Panel(run, episode, self._picture, told)

    def __len__(self) -> int:
        return len(self.moments)

    def frame(self, moment: int) -> Image.Image:
        """RGB, SIZE + WIDTH by SIZE."""
        frame = Image.new("RGB", (SIZE + WIDTH, SIZE))
        frame.paste(self._picture.draw(moment), (0, 0))
        frame.paste(self._panel.draw(moment), (SIZE, 0))
        return frame

    def __iter__(self) -> Iterator[Image.Image]:
        return map(self.frame, self.moments)


def write_video(path: Path, film: Film, report: Callable[[], None] = lambda: None) -> None:
    """Writes a film whole or not at all, .mp4 or .gif by the path's ending; `report()` after every frame."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, f"video{path.suffix.lower()}")
        try:
            (_write_gif if whole.suffix == ".gif" else _write_mp4)(whole, film, report)
            content = whole.read_bytes()
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())[:200]
            raise BadInput(f"--video {path}: its frames can't be written in {folder} ({reason})") from None
        write_beside(path, content)


def _write_mp4(path: Path, film: Film, report: Callable[[], None]) -> None:
    """H.264, at one rate."""
    from imageio.v2 import get_writer

    still = max(math.ceil(SLOWEST / film.rate), 1)
    rate = Fraction(still * film.rate).limit_denominator(10_000)
    settings = ["-crf", "20", "-preset", "fast", "-movflags", "+faststart"]
    with get_writer(
        path, format="FFMPEG", mode="I", fps=float(rate), codec="libx264", quality=None, ffmpeg_params=settings
    ) as writer:  # fmt: skip
        for place, frame in enumerate(film):
            last = place == len(film) - 1
            for _ in range(math.ceil(STANDING * rate) if last else still):
                writer.append_data(np.asarray(frame))
            report()


def _write_gif(path: Path, film: Film, report: Callable[[], None]) -> None:
    """One palette for all frames. Its times are hundredths of a second, rounded so that they don't add up to others.

    Pillow holds all frames until the last is there, a third of a megabyte each.
    """
    ends = np.round(100.0 * np.cumsum(film.times)).astype(int)
    durations = 10 * np.diff(ends, prepend=0)
    samples = [film.frame(film.moments[place]) for place in np.linspace(0, len(film) - 1, 3).astype(int)]
    palette = Palette(samples, SHADES)

    def frames() -> Iterator[Image.Image]:
        for frame in film:
            yield palette(frame)
            report()

    rest = frames()
    next(rest).save(path, save_all=True, append_images=rest, duration=durations.tolist(), loop=0, optimize=True)
