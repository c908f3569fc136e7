"""`control-bench train`: trains a learner into a folder, and goes on with a training that was begun."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from control_bench.commands.common import Interrupt, add_command, add_pair, add_seed, plan_from, positive, progress_bar
from control_bench.errors import BadInput
from control_bench.files import write_beside
from control_bench.plan import Plan, apart, describe
from control_bench.registry import controller_class
from control_bench.resources import load_class

if TYPE_CHECKING:
    from control_bench.learning.trainer import Progress

MORE = """DIR/best.pt is the best of the policies that were evaluated on the way, DIR/last.pt all that
--resume needs: a training that was stopped, or killed, goes on as if it had not been.
`tensorboard --logdir DIR/curves` shows the curves. Ctrl-C keeps what is done."""
EXAMPLES = """  control-bench train balance --controller naf --out out/naf --seed 1
  control-bench train balance --controller naf --out out/naf --resume --steps 50000
  control-bench train drivebot --controller dqn --preset article --out out/article
  control-bench train reach --controller ahf --set arm=three_link --out out/ahf"""


def add(commands) -> None:
    parser = add_command(commands, "train", _train, "train a learner, or go on with a training", EXAMPLES, MORE)
    add_pair(parser)
    add_seed(parser, default=None)  # resumed, it is the one that the training began with
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder for best.pt, last.pt, curves, settings.yaml"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=positive, metavar="N", help="steps to train; with --resume, so many more "
                        "(default: what was asked before it was stopped, else the settings' own)")  # fmt: skip
    length.add_argument("--episodes", type=positive, metavar="N", help="episodes to train; with --resume, so many more")
    parser.add_argument("--resume", action="store_true", help="go on from DIR/last.pt, exactly")


def _train(arguments: argparse.Namespace) -> int:
    from control_bench.controllers.base import Trainable
    from control_bench.learning.checkpoint import load

    out = Path(arguments.out)
    plan = plan_from(arguments)
    cls = controller_class(plan.controller)
    if not issubclass(cls, Trainable):
        raise BadInput(
            f"controller '{plan.controller}' does not learn: run it, or train a learner such as q_table or dqn"
        )
    previous = None
    if arguments.resume:
        if not (out / "last.pt").is_file():
            raise BadInput(f"{out}: holds no training to go on with: leave --resume out to begin one")
        stays = "; best.pt beside it is of use as a --checkpoint" if (out / "best.pt").exists() else ""
        previous = load(out / "last.pt", f"train into another --out{stays}")
        _check_same(plan, previous, arguments, out)
    elif (out / "last.pt").exists():
        raise BadInput(f"{out}: holds a training already: give --resume to go on with it, or another --out")
    elif (out / "best.pt").exists():
        raise BadInput(
            f"{out}: holds the best policy of a training whose last.pt is not there: move it, or give another --out"
        )
    arguments.seed = arguments.seed or 0
    trainer_class = load_class(cls.trainer)
    if arguments.episodes and "episodes" not in trainer_class.lengths:
        raise BadInput(f"--episodes: {plan.controller} is trained in {trainer_class.lengths[0]}: give --steps")
    if "torch" in sys.modules and trainer_class.threads:
        sys.modules["torch"].set_num_threads(trainer_class.threads)
    about = plan.about(plan.make_task()) | {"seed": arguments.seed}
    trainer = trainer_class.of(plan, out, about, arguments.seed)
    write_beside(out / "settings.yaml", f"seed: {arguments.seed}\n{describe(plan)}".encode())
    if previous is not None:
        trainer.resume()
    stands, interrupt = trainer.progress, Interrupt()
    steps, episodes, until = _length(arguments, stands, about["training_settings"]["steps"])
    begun = stands.steps
    length = episodes or steps or max(until - begun, 0)
    with progress_bar(length, "episodes" if episodes else "steps") as bar:
        start = stands.episodes if episodes else begun

        def report(progress) -> None:
            bar.set_postfix_str(str(progress), refresh=False)
            bar.update((progress.episodes if episodes else progress.steps) - start - bar.n)

        progress = trainer.run(steps, episodes, until, report, interrupt)
    lasted = f"{progress.steps} steps, {progress.episodes} {trainer_class.counted}"
    print(f"{lasted}; best evaluation {progress.best:.4g}; in {out}/")
    if interrupt.asked:
        pair = [plan.task, "--controller", plan.controller, "--out", str(out), "--resume"]
        pair += ["--preset", arguments.preset] if arguments.preset else []
        pair += [word for assignment in arguments.assignments for word in ("--set", assignment)]
        print(f"stopped; go on with: control-bench train {shlex.join(pair)}")
    return 130 if interrupt.asked else 0


def _length(
    arguments: argparse.Namespace, stands: "Progress", planned: int
) -> tuple[int | None, int | None, int | None]:
    """For how many more steps, or episodes, or until how many steps to train: as asked for; where nothing is, as was
    asked for before training was stopped; or as planned."""
    if arguments.steps or arguments.episodes:
        return arguments.steps, arguments.episodes, None
    if stands.episodes < stands.asked_episodes:
        return None, stands.asked_episodes - stands.episodes, None
    return None, None, stands.asked_steps if stands.steps < stands.asked_steps else max(planned, stands.asked_steps)


def _check_same(plan: Plan, previous: dict, arguments: argparse.Namespace, out: Path) -> None:
    """A resumed training goes on with the settings it began with; BadInput where the command line says otherwise."""
    if "training" not in previous:
        raise BadInput(f"{out / 'last.pt'}: holds a policy only, nothing to resume: train into another --out")
    if "actor" in previous["training"]:
        raise BadInput(f"{out / 'last.pt'}: was learned over ROS: go on there, or train into another --out")
    mine = plan.about(plan.make_task())
    mine.pop("spaces")  # they are as the settings are, which tell more
    mine["seed"] = arguments.seed = previous["seed"] if arguments.seed is None else arguments.seed
    for key, value in mine.items():
        if previous[key] != value:
            raise BadInput(f"{out}: began with {_apart(key, previous[key], value)}: resume with the same, or use "
                           "another --out")  # fmt: skip


def _apart(key: str, before: Any, now: Any) -> str:
    """What differs of one thing that was and is to be set; of many settings, those that do."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return f"{key} {before}, not {now}"
    return f"{key} {', '.join(apart(before, now))}"
