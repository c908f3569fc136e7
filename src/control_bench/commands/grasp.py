"""`control-bench grasp plan`: the best grasp of a depth picture from a file."""

import argparse
import json
import time
from pathlib import Path

from control_bench.commands.common import add_command, add_set
from control_bench.errors import BadInput
from control_bench.files import write_beside
from control_bench.plan import make_plan
from control_bench.resources import needing
from control_bench.settings import parse_assignments

MORE = """The picture is .npy, floats in metres or whole numbers in millimetres, or .png, 16 bits in
millimetres; 0, NaN and infinity mean that nothing was seen. The table is found by itself, and grasps
are looked for on what stands on it, or where --segmask is white. What it tells is in pixels, m and
rad: of the picture, and position and quaternion (x y z w) in the camera's optical frame: x along the
jaws' axis, z where the gripper goes. Where nothing can be had it says why, and exits with 1.

The camera's intrinsics are JSON, in pixels:
  {"_fx": 525, "_fy": 525, "_cx": 319.5, "_cy": 239.5, "_height": 480, "_width": 640}"""
UNITS = {"angle": "rad", "depth": "m", "position": "m", "seconds": "s"}
EXAMPLES = """  control-bench grasp plan depth.npy --intrinsics camera.intr --show grasp.png
  control-bench grasp plan depth.png --intrinsics camera.intr --segmask mask.png --json
  control-bench grasp plan depth.npy --intrinsics camera.intr --set planner=fully_convolutional"""


def add(commands) -> None:
    what = "plan a grasp in a depth picture"
    parser = add_command(commands, "grasp", _grasp, what, EXAMPLES, MORE)
    parser.add_argument("do_what", metavar="plan", choices=("plan",), help="plan")
    parser.add_argument("depth", metavar="DEPTH", help="depth picture, .npy or .png")
    parser.add_argument("--intrinsics", required=True, metavar="F", help="of its camera, .intr")
    parser.add_argument("--segmask", metavar="F", help="where grasps may be: .png of the same size, white there")
    parser.add_argument("--checkpoint", metavar="F", help="network: a file or a training folder (default: ours)")
    add_set(parser, "budget=0.2, task.hand=panda (`control-bench settings grasp --controller dexnet` tells all)")
    parser.add_argument("--show", metavar="F", help="write a picture of the best grasps, .png")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _grasp(arguments: argparse.Namespace) -> int:
    with needing("grasp", "grasp"):
        from control_bench.grasping.advice import advise
        from control_bench.grasping.depth_files import check_size, read_depth, read_intrinsics, read_mask
        from control_bench.grasping.depth_image import DepthImage
    shown = Path(arguments.show).expanduser() if arguments.show else None
    if shown and shown.suffix.lower() != ".png":
        raise BadInput(f"--show {shown}: what is written is .png: name it so")
    depth, intrinsics = read_depth(arguments.depth), read_intrinsics(arguments.intrinsics)
    check_size(intrinsics, depth, arguments.depth)
    mask = read_mask(arguments.segmask, depth.shape) if arguments.segmask else None
    plan = make_plan(
        "grasp", "dexnet", checkpoint=arguments.checkpoint, assignments=parse_assignments(arguments.assignments),
        shipped=True,
    )  # fmt: skip
    plan.check_trained()
    planner = plan.make_controller(plan.make_task())
    planner.deadline = planner.settings.budget
    started = time.perf_counter()
    image = DepthImage.of(depth, intrinsics, mask)
    planned = planner.plan_any(image)
    seconds = time.perf_counter() - started
    if shown:
        from control_bench.bench.grasp_plot import draw_grasps
        from control_bench.bench.plot_style import png

        drawn = draw_grasps(image, planned.grasps, planned.qualities, planner.gripper)
        write_beside(shown, png(drawn))
    best = float(planned.qualities[0]) if len(planned.grasps) else None
    told = _describe(image, planned) | {"seconds": round(seconds, 3)}
    advice = advise(image, best, planner.gripper, planner.trained)
    if arguments.json:
        print(json.dumps(told | {"advice": advice}))
    else:
        for name, value in told.items():
            print(f"{name:12} {'none' if value is None else value} {UNITS.get(name, '')}".rstrip())
        for line in advice:
            print(f"note: {line}")
        if shown:
            print(f"wrote {shown}")
    return 0 if best is not None else 1


def _describe(image, planned) -> dict:
    """The best grasp: in the picture, and in the camera's optical frame."""
    if not len(planned.grasps):
        return {"quality": None}
    best = planned.grasps[:1]
    (position,), (turned,) = best.poses(image)
    return {
        "quality": round(float(planned.qualities[0]), 4),
        "pixel": [round(float(one), 2) for one in best.pixels[0]],
        "angle": round(float(best.angles[0]), 4),
        "depth": round(float(best.depths[0]), 4),
        "position": [round(float(one), 4) for one in position],
        "quaternion": [round(float(one), 5) for one in turned],
    }
