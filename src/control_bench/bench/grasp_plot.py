"""A plot of planned grasps: on the depth picture, coloured by their quality, and what the network sees of the best."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from control_bench.bench import plot_style as style
from control_bench.grasping.crops import METRES
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.image_grasps import ImageGrasps
from control_bench.grasping.planners import crops_of

SHOWN = 8
MARGIN = 40
"""Pixels around what may be grasped that are shown too."""
QUALITIES = "RdYlGn"
DEPTHS = "Greys"


def draw_grasps(image: DepthImage, grasps: ImageGrasps, qualities: np.ndarray, gripper: Gripper) -> Figure:
    """The best of grasps that are sorted by quality, the jaws as far apart as they are open."""
    fig = style.figure(10.0, 4.6)
    scene, near = fig.subplots(1, 2, width_ratios=(1.6, 1.0))
    rows, columns = np.nonzero(image.mask)
    height, width = image.depth.shape
    left, right, top, bottom = 0, width, 0, height
    if len(rows):
        left, right = max(columns.min() - MARGIN, 0), min(columns.max() + MARGIN, width)
        top, bottom = max(rows.min() - MARGIN, 0), min(rows.max() + MARGIN, height)
    window = image.depth[top:bottom, left:right]
    scene.imshow(100.0 * window, cmap=DEPTHS, extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5))
    marked = image.mask[top:bottom, left:right]
    if marked.any() and not marked.all():
        places = np.arange(left, right), np.arange(top, bottom)
        scene.contour(*places, marked, levels=[0.5], colors=style.RUN_COLOURS[5], linewidths=0.8)
    shades = ScalarMappable(Normalize(0.0, 1.0), QUALITIES)
    for number in reversed(range(min(SHOWN, len(grasps)))):
        colour = shades.to_rgba(qualities[number])
        half = gripper.opening * image.intrinsics.fx / grasps.depths[number] / 2.0
        _draw_jaws(scene, grasps.pixels[number], grasps.angles[number], half, colour, 2.6 if number == 0 else 1.2)
    title = "the best grasps (outlined: where they may be)" if len(grasps) else "no grasp"
    scene.set(title=title, xlabel="column, pixels", ylabel="row, pixels")
    fig.colorbar(shades, ax=scene, label="quality", shrink=0.8)
    if len(grasps):
        _draw_crop(near, image, grasps[:1], float(qualities[0]), gripper)
    else:
        near.set_axis_off()
    for axes in (scene, near):
        axes.title.set_fontsize(style.TITLE)
    return fig


def _draw_jaws(axes, middle: np.ndarray, angle: float, half: float, colour, width: float) -> None:
    """A line along the jaws' axis, and a bar for each jaw; in the units of the plot."""
    along = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-along[1], along[0]])
    for start, end in ((-half * along, half * along), *(
        (side * half * along - 0.3 * half * aside, side * half * along + 0.3 * half * aside) for side in (-1.0, 1.0)
    )):  # fmt: skip
        xs, ys = np.transpose([middle + start, middle + end])
        axes.plot(xs, ys, color="black", linewidth=width + 1.6, solid_capstyle="round", alpha=0.5)
        axes.plot(xs, ys, color=colour, linewidth=width, solid_capstyle="round")


def _draw_crop(axes, image: DepthImage, best: ImageGrasps, quality: float, gripper: Gripper) -> None:
    seen = crops_of(image, best)[0][0].numpy()
    edge = 100.0 * METRES / 2.0
    shown = axes.imshow(-100.0 * seen, cmap="Greys_r", extent=(-edge, edge, edge, -edge), vmin=-6.0, vmax=6.0)
    _draw_jaws(axes, np.zeros(2), 0.0, 100.0 * gripper.opening / 2.0, style.RUN_COLOURS[0], 2.0)
    axes.set(title=f"as it is judged: quality {quality:.2f}", xlabel="along the jaws' axis, cm", ylabel="across, cm")
    axes.figure.colorbar(shown, ax=axes, label="above the grip point, cm", shrink=0.8)
