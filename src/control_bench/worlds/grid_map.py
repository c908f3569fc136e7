"""The map of the 2-D world: a YAML file and its picture, read by the rule of ROS's map_server (trinary) as STDR has it.

Lengths are in metres. Row 0 of the cells is the bottom of the picture, as in nav_msgs/OccupancyGrid: cell (row,
column) covers x from column to column + 1 and y from row to row + 1, times the resolution, from the map's own lower
left corner.
"""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from control_bench.errors import BadInput, nearest

OCCUPIED, FREE, UNKNOWN = 100, 0, -1
REQUIRED = ("image", "resolution", "origin", "occupied_thresh", "free_thresh", "negate")
IGNORED = ("mode",)
AS_THEY_ARE = ("L", "LA", "RGB", "RGBA")
SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow reads a 16-bit PGM as "I", a 16-bit PNG as "I;16"


@dataclass(frozen=True, eq=False)
class GridMap:
    """An occupancy grid.

    `cells` is int8 of shape (height, width), row 0 at the bottom: 100 occupied, 0 free, -1 unknown. `resolution` is in
    metres a cell, rounded to float32 as the message carries it. `origin` is x, y in metres and yaw in radians, of the
    map's lower left corner in the frame `map`. `path` is the YAML file, or None for a map made in memory.
    """

    cells: np.ndarray
    resolution: float
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    path: Path | None = None

    @property
    def width(self) -> int:
        """Number of columns, along x."""
        return self.cells.shape[1]

    @property
    def height(self) -> int:
        """Number of rows, along y."""
        return self.cells.shape[0]

    @property
    def size(self) -> tuple[float, float]:
        """Extent in metres along x and y."""
        return self.width * self.resolution, self.height * self.resolution


def load_map(path: str | Path) -> GridMap:
    """Read a map YAML and its picture; BadInput, of one line that names file and key, for whatever cannot be used."""
    path = Path(path)
    nodes = _read_yaml(path)
    origin = _origin(nodes["origin"], f"{path}: origin")
    resolution = _resolution(nodes["resolution"], f"{path}: resolution")
    free, occupied = (_threshold(nodes[key], f"{path}: {key}") for key in ("free_thresh", "occupied_thresh"))
    if free > occupied:
        raise _bad(f"{path}: free_thresh", f"{free} is above occupied_thresh {occupied}; make it the lower of the two")
    negate = _text(nodes["negate"], f"{path}: negate")
    if negate not in ("0", "1"):
        raise _bad(f"{path}: negate", f"'{negate}' is neither 0 nor 1; write 0 where dark is occupied, else 1")
    sums, full = _read_image(path.parent / _text(nodes["image"], f"{path}: image"), f"{path}: image")
    cells = _cell_of_sum(full, free, occupied, negate == "1")[sums]
    return GridMap(np.ascontiguousarray(cells[::-1]), resolution, origin, path)


def _bad(where: str, wrong: str) -> BadInput:
    # Joined on single spaces, since what a parser says, and a value itself, may run over several lines.
    return BadInput(" ".join(f"{where}: {wrong}".split()))


def _read_yaml(path: Path) -> dict[str, yaml.Node]:
    """The value of each key as a YAML node: it keeps numbers as written, where YAML 1.1 would take 5e-2 for a text."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise _bad(str(path), f"cannot be read ({error.strerror}); give the path of a map's YAML file") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _bad(str(path), f"is not YAML ({error}); mend its syntax") from error
    if not isinstance(root, yaml.MappingNode):
        raise _bad(str(path), f"is not a mapping; give it the keys {', '.join(REQUIRED)}")
    nodes: dict[str, yaml.Node] = {}
    for key_node, node in root.value:
        key = str(key_node.value)
        if key not in REQUIRED + IGNORED:
            raise _bad(f"{path}: {key}", f"is not a key of a map; {nearest(key, REQUIRED + IGNORED)}")
        if key in nodes:
            raise _bad(f"{path}: {key}", "is given twice; keep one")
        nodes[key] = node
    for key in REQUIRED:
        if key not in nodes:
            raise _bad(f"{path}: {key}", "is missing and has no default; add it")
    return nodes


def _text(node: yaml.Node, where: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise _bad(where, "is not a single value; write one")
    return node.value


def _number(node: yaml.Node, where: str) -> float:
    text = _text(node, where)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _bad(where, f"'{text}' is not a finite number; write one such as 0.5")
    return number


def _resolution(node: yaml.Node, where: str) -> float:
    number = _number(node, where)
    with np.errstate(over="ignore"):
        resolution = float(np.float32(number))
    # Asked of the rounded number: 1e-50 is zero and 1e50 infinite as float32.
    if not (0 < resolution < math.inf):
        raise _bad(where, f"{number} is no length of a cell; write metres a cell, above 0, such as 0.05")
    return resolution


def _origin(node: yaml.Node, where: str) -> tuple[float, float, float]:
    if not isinstance(node, yaml.SequenceNode) or len(node.value) != 3:
        raise _bad(where, "is not three numbers; write [x, y, yaw] in metres and radians")
    x, y, yaw = (_number(item, where) for item in node.value)
    return x, y, yaw


def _threshold(node: yaml.Node, where: str) -> float:
    number = _number(node, where)
    if not 0 <= number <= 1:
        raise _bad(where, f"{number} is not within 0 to 1; write a share of occupancy such as 0.65")
    return number


def _read_image(path: Path, where: str) -> tuple[np.ndarray, int]:
    """The sum of each pixel's channels, uint16 of shape (height, width), row 0 at the top; and the sum of white."""
    from PIL import Image

    if not path.is_file():
        raise _bad(where, f"there is no file {path}; give a path from the YAML's folder, or an absolute one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _channel_sums(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bad(where, f"{path} is too large; make it at most {Image.MAX_IMAGE_PIXELS} pixels") from error
    except Exception as error:  # each of Pillow's decoders raises whatever it likes on bad bytes
        raise _bad(where, f"{path} cannot be read ({error}); save it again as an 8-bit PNG or PGM") from error


def _channel_sums(image) -> tuple[np.ndarray, int]:
    if image.mode in SIXTEEN_BIT:
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError("its values are beyond 16 bits")
        return pixels.astype(np.uint16), 65535
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    elif image.mode not in AS_THEY_ARE:
        image = image.convert("RGB")
    pixels = np.atleast_3d(np.asarray(image))
    return pixels.sum(axis=2, dtype=np.uint16), 255 * pixels.shape[2]


def _cell_of_sum(full: int, free: float, occupied: float, negate: bool) -> np.ndarray:
    """The cell's value, int8 of shape (full + 1,), for each sum of channels: few sums, so the rule is worked out once.

    Alpha counts as a channel like the others, in STDR too: opaque black has occupancy 0.75, not 1.
    """
    mean = np.arange(full + 1) / (full / 255)
    occupancy = mean / 255 if negate else (255 - mean) / 255
    return np.select([occupancy > occupied, occupancy < free], [OCCUPIED, FREE], UNKNOWN).astype(np.int8)
