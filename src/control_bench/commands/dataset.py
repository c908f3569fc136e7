"""`control-bench dataset`: data to learn from, drawn by a generative model; grasps are what there is."""

import argparse
from pathlib import Path

from control_bench.commands.common import Interrupt, add_command, add_seed, add_set, positive, progress_bar
from control_bench.resources import needing
from control_bench.settings import fill, parse_assignments

MORE = """DIR gets shards of a thousand grasps each, NumPy's .npz with a column an array, and card.json, which
tells every setting and what the columns are. Ctrl-C keeps the shards that are done, and the same
command goes on from there, or adds grasps where N is larger. The objects are pybullet_data's
random_urdfs: 000 to 799 to train, 800 to 899 to validate, 900 to 999 to test on."""
EXAMPLES = """  control-bench dataset grasp --out out/grasps --grasps 200000 --processes 2
  control-bench dataset grasp --out out/mine --grasps 50000 --objects my_meshes/
  control-bench dataset grasp --out out/wide --grasps 50000 --set friction=0.4 --set object_translation=0.01"""


def add(commands) -> None:
    parser = add_command(commands, "dataset", _dataset, "draw a data set to learn grasps from", EXAMPLES, MORE)
    parser.add_argument("of", metavar="WHAT", choices=("grasp",), help="grasp")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the data set")
    parser.add_argument("--grasps", required=True, type=positive, metavar="N", help="how many, rounded up to thousands")
    parser.add_argument(
        "--objects", metavar="O", help="other objects: a folder of meshes, files, with commas between (default: ours)"
    )
    parser.add_argument("--processes", type=positive, default=1, metavar="P", help="that draw at once (default 1)")
    add_set(parser, "friction=0.4 (card.json lists all of the generative model's)")
    add_seed(parser)


def _dataset(arguments: argparse.Namespace) -> int:
    with needing("dataset", "grasp"):
        from control_bench.grasping.dataset import SHARD, generate, make_card, missing
        from control_bench.grasping.examples import ExampleSettings
    folder = Path(arguments.out).expanduser()
    settings = fill(ExampleSettings, parse_assignments(arguments.assignments), "--set")
    card = make_card(settings, arguments.seed, arguments.objects)
    interrupt = Interrupt()
    left = len(missing(folder, arguments.grasps)) * SHARD
    with progress_bar(left, "grasps") as bar:
        generate(folder, card, arguments.grasps, arguments.processes, bar.update, interrupt)
    left = len(missing(folder, arguments.grasps)) * SHARD
    if interrupt.asked and left:
        print(f"{left} grasps are still to be drawn: the same command goes on from here")
        return 130
    print(f"{folder}: {-(-arguments.grasps // SHARD) * SHARD} grasps; card.json tells what they are")
    return 0
