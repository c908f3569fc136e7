"""Depth pictures, intrinsics and masks as cameras and their tools write them, read into metres without surprises.

Source: the formats of the gqcnn package: `.npy` (height, width[, 1]), m; `.png` of 16 bits, mm; `.intr` as JSON; masks
as `.png`, 0 or not. What a camera could not see is 0, NaN or infinite, and 0 here.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from control_bench.errors import BadInput
from control_bench.grasping.camera import Intrinsics

FARTHEST = 20.0
"""m: what is in millimetres by mistake is not taken for metres."""
LARGEST = 1e6
"""Pixels: no number of a camera's is larger, nor infinite."""

INTR = 'JSON such as {"_fx": 525, "_fy": 525, "_cx": 319.5, "_cy": 239.5, "_height": 480, "_width": 640}'


def metres(depth: np.ndarray, where: str) -> np.ndarray:
    """A depth picture float32 (height, width), m, 0 where there is nothing: of floats in metres (32FC1), or of whole
    numbers of more than 8 bits in millimetres (16UC1); BadInput for anything else."""
    depth = np.asarray(depth)
    if depth.ndim == 3 and depth.shape[2] == 1:
        depth = depth[:, :, 0]
    if depth.ndim != 2 or not depth.size:
        raise BadInput(f"{where}: a depth picture has height and width, not the shape {depth.shape}")
    if depth.dtype.kind in "iu" and depth.dtype.itemsize > 1:
        return np.maximum(depth, 0).astype(np.float32) / np.float32(1000.0)
    if depth.dtype.kind != "f":
        raise BadInput(f"{where}: depths of the type {depth.dtype}: give floats in metres, or 16 bits in millimetres")
    known = np.isfinite(depth) & (depth > 0.0)
    if known.any() and np.median(depth[known]) > FARTHEST:
        far = float(np.median(depth[known]))
        raise BadInput(f"{where}: {far:.4g} m away: floats are metres: divide millimetres by 1000")
    return np.where(known, depth, 0.0).astype(np.float32)


def read_depth(path: str | Path) -> np.ndarray:
    """A depth picture (height, width), m, 0 where there is nothing, from .npy or .png."""
    path = _file(path)
    if path.suffix.lower() == ".npy":
        try:
            depth = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BadInput(f"{path}: can't be read ({error}): save it with numpy.save") from None
        return metres(depth, str(path))
    if path.suffix.lower() == ".png":
        pixels = _picture(path)
        if pixels.ndim != 2 or pixels.dtype == np.uint8:
            raise BadInput(f"{path}: not a depth picture of one channel of 16 bits: save millimetres as 16 bits")
        return metres(pixels.astype(np.uint16), str(path))
    raise BadInput(f"{path}: '{path.suffix}' is no depth picture that we read: give .npy or .png")


def read_mask(path: str | Path, shape: tuple[int, int]) -> np.ndarray:
    """Where grasps may be, bool (height, width); BadInput where it is of another size than the depth picture."""
    path = _file(path)
    pixels = _picture(path)
    mask = (pixels if pixels.ndim == 2 else pixels[:, :, :3].max(axis=2)) > 0
    if mask.shape != shape:
        raise BadInput(f"{path}: of {mask.shape[0]} x {mask.shape[1]} pixels, the depth picture of {shape[0]} x "
                       f"{shape[1]}: give a mask of the same picture")  # fmt: skip
    if not mask.any():
        raise BadInput(f"{path}: is black everywhere: give a mask that is white where grasps may be")
    return mask


def read_intrinsics(path: str | Path) -> Intrinsics:
    """From an .intr file: JSON with _fx, _fy, _cx, _cy, _height and _width, pixels."""
    path = _file(path)
    try:
        content = json.loads(path.read_text())
        if not isinstance(content, dict):
            raise ValueError("it holds no mapping")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not an .intr file ({' '.join(str(error).split())[:60]}): give {INTR}") from None
    values = {}
    for name in ("fx", "fy", "cx", "cy", "height", "width"):
        value = content.get(f"_{name}", content.get(name))
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
            raise BadInput(f"{path}: '_{name}' is {'missing' if value is None else repr(value)}: give {INTR}")
        values[name] = float(value)
    height, width = values["height"], values["width"]
    if height != int(height) or width != int(width):
        raise BadInput(f"{path}: a picture of {height:g} x {width:g} pixels: give whole numbers")
    try:
        told = Intrinsics(**values | {"height": int(height), "width": int(width)})
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    if not (0.0 <= told.cx <= width and 0.0 <= told.cy <= height):
        raise BadInput(f"{path}: the principal point ({told.cx:g}, {told.cy:g}) lies outside the picture: give _cx and "
                       "_cy in pixels from its upper left")  # fmt: skip
    return told


def check_size(intrinsics: Intrinsics, depth: np.ndarray, where: str) -> None:
    """BadInput where a picture is not of the size that the intrinsics are of."""
    if depth.shape != (intrinsics.height, intrinsics.width):
        raise BadInput(
            f"{where}: of {depth.shape[0]} x {depth.shape[1]} pixels, its camera's intrinsics of {intrinsics.height} x "
            f"{intrinsics.width}: give both of the same camera"
        )


def _file(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if not path.is_file():
        raise BadInput(f"{path}: {'a folder, not a' if path.is_dir() else 'no such'} file")
    return path


def _picture(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BadInput(f"{path}: not a picture that can be read: save it as .png") from None
