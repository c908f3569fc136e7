"""The command line: `control-bench list | run | train | export | report`."""

import argparse
import contextlib
import json
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from control_bench import __version__
from control_bench.errors import BadInput
from control_bench.plan import Plan, describe, make_plan, misfit
from control_bench.registry import CONTROLLERS, TASKS, controller_class
from control_bench.resources import load_class
from control_bench.settings import parse_assignments

EXAMPLES = """examples:
  control-bench list
  control-bench run drivebot --controller turn_until_clear --episodes 20 --store out/drivebot.db
  control-bench train drivebot --controller dqn --out out/dqn --seed 1
  control-bench run drivebot --controller dqn --checkpoint out/dqn --store out/drivebot.db
  control-bench report out/drivebot.db --out out/report
"""


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="control-bench", description="Robot controllers, classical and learned, put through the same tasks.",
        epilog=EXAMPLES, formatter_class=formatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"control_bench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="tasks, controllers, and which fits which")
    listing.set_defaults(do=_list)

    run = commands.add_parser("run", help="run episodes, print a table, store them", formatter_class=formatter)
    _add_pair(run)
    run.add_argument("--checkpoint", metavar="F", help="policy to act by: a file or a training folder (default: ours)")
    run.add_argument("--episodes", type=_positive, default=10, metavar="N", help="how many (default 10)")
    run.add_argument("--store", metavar="DB", help="SQLite file to add the episodes to")
    run.add_argument("--label", default="", help="tells this run from others of the controller in a report")
    run.add_argument("--learn", action="store_true", help="learn while running, as a learner does on a robot")
    run.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    run.add_argument("--video", metavar="F", help="film the first episode, at the simulation's pace, as .mp4 or .gif")
    run.set_defaults(do=_run)

    train = commands.add_parser("train", help="train a learner", formatter_class=formatter)
    _add_pair(train)
    train.add_argument("--out", required=True, metavar="DIR", help="folder for best.pt, last.pt, curves, settings.yaml")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_positive, metavar="N", help="steps to train; with --resume, so many more")
    length.add_argument(
        "--episodes", type=_positive, metavar="N", help="episodes to train; with --resume, so many more"
    )
    train.add_argument("--resume", action="store_true", help="go on from DIR/last.pt, exactly")
    train.set_defaults(do=_train, seed=None)  # resumed, it is the one that the training began with

    export = commands.add_parser("export", help="write a policy as ONNX, for other programs", formatter_class=formatter)
    _add_pair(export)
    export.add_argument("--checkpoint", metavar="F", help="the policy: a file or a training folder (default: ours)")
    export.add_argument("--out", required=True, metavar="FILE", help="file to write, such as policy.onnx")
    export.set_defaults(do=_export)

    report = commands.add_parser("report", help="a Markdown and HTML report of stores, with plots")
    report.add_argument("stores", nargs="+", metavar="DB", help="stores that `run --store` wrote")
    report.add_argument("--out", default="report", metavar="DIR", help="folder for the report (default: report)")
    report.add_argument("--json", action="store_true", help="print a list of the runs and write no report")
    report.add_argument("--table", action="store_true", help="print the table of the runs too")
    report.set_defaults(do=_report)
    return parser


def _add_pair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help=f"{', '.join(TASKS)}, or package.module:Class")
    parser.add_argument(
        "--controller", required=True, metavar="C", help=f"{', '.join(CONTROLLERS)}, or package.module:Class"
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="S", help="of the run; the same seed gives the same (default 0)"
    )
    parser.add_argument("--preset", metavar="NAME", help="settings from config/, such as article, or a YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments",
                        help="override a setting, any number of times: task.history=4, learning_rate=0.01")  # fmt: skip


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' should be a whole number above 0")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' should be a whole number from 0 to 2**63 - 1")
    return int(text)


class _Interrupt:
    """Ctrl-C as a flag, so that what is done is kept; a second one stops at once."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)

    def _take(self, number, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


def _plan(arguments: argparse.Namespace, **options) -> Plan:
    return make_plan(
        arguments.task,
        arguments.controller,
        arguments.preset,
        assignments=parse_assignments(arguments.assignments),
        **options,
    )


def _list(arguments: argparse.Namespace) -> int:
    for task in TASKS:
        print(task)
        for name in CONTROLLERS:
            print(f"  {name:18} {_about(task, name)}")
    return 0


def _about(task: str, controller: str) -> str:
    """What a controller is, or why it can't be used on a task."""
    try:
        plan, cls = make_plan(task, controller), controller_class(controller)
    except BadInput as error:
        return str(error)  # an extra is not there
    reason = misfit(cls, plan.make_task())
    doc = (sys.modules[cls.__module__].__doc__ or "").partition("\n")[0]
    return doc if reason is None else f"does not fit: {reason}"


def _run(arguments: argparse.Namespace) -> int:
    from control_bench.bench.episode import Run, summary
    from control_bench.bench.run import run_episodes
    from control_bench.bench.store import Store
    from control_bench.bench.table import print_table
    from control_bench.controllers.actor import Actor
    from control_bench.env import TaskEnv

    plan = _plan(arguments, checkpoint=arguments.checkpoint, shipped=not arguments.learn)
    if not arguments.learn:
        plan.check_trained()
    if arguments.video:
        from control_bench.bench.video import check_video

        arguments.video = check_video(arguments.video)
    env = TaskEnv(plan.make_task())
    actor = Actor(plan.make_controller(env.task, arguments.seed), arguments.learn)
    settings = plan.resolved()
    run = Run(
        arguments.task, arguments.controller, arguments.seed, learning=arguments.learn, label=arguments.label,
        task_settings=settings["task"], controller_settings=settings["controller"],
    )  # fmt: skip
    interrupt = _Interrupt()
    with Store(arguments.store) if arguments.store else contextlib.nullcontext() as store:
        with _bar(arguments.episodes, "episodes") as bar:

            def report(episode) -> None:
                bar.set_postfix_str(f"reward {episode.reward:.4g}", refresh=False)
                bar.update()

            episodes = run_episodes(env, actor, run, arguments.episodes, store, report, interrupt)
    result = summary(run, episodes)
    print(json.dumps(result)) if arguments.json else print_table([result])
    if arguments.video and episodes:
        _film(arguments, env.task, run, episodes[0])
    return 130 if interrupt.asked else 0


def _film(arguments: argparse.Namespace, task, run, episode) -> None:
    """Writes the video of an episode."""
    from control_bench.bench.video import Film, write_video

    for number in (signal.SIGINT, signal.SIGTERM):  # half a video is none, so Ctrl-C stops at once
        signal.signal(number, signal.default_int_handler)
    film = Film(task, run, episode)
    with _bar(len(film), "frames") as bar:
        write_video(arguments.video, film, bar.update)
    if not arguments.json:
        print(f"wrote {arguments.video}")


def _train(arguments: argparse.Namespace) -> int:
    from control_bench.controllers.base import Trainable
    from control_bench.learning.checkpoint import load, write_beside

    out = Path(arguments.out)
    plan = _plan(arguments)
    cls = controller_class(plan.controller)
    if not issubclass(cls, Trainable):
        raise BadInput(
            f"controller '{plan.controller}' does not learn: run it, or train a learner such as q_table or dqn"
        )
    previous = None
    if arguments.resume:
        previous = load(out / "last.pt")
        _check_same(plan, previous, arguments, out)
    arguments.seed = arguments.seed or 0
    if previous is None and (out / "last.pt").exists():
        raise BadInput(f"{out}: holds a training already: give --resume to go on with it, or another --out")
    trainer_class = load_class(cls.trainer)
    if arguments.episodes and "episodes" not in trainer_class.lengths:
        raise BadInput(f"--episodes: {plan.controller} is trained in {trainer_class.lengths[0]}: give --steps")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # these networks are too small to share, and one thread is exact
    about = plan.about(plan.make_task()) | {"seed": arguments.seed}
    trainer = trainer_class.of(plan, out, about, arguments.seed)
    write_beside(out / "settings.yaml", f"seed: {arguments.seed}\n{describe(plan)}".encode())
    if previous is not None:
        trainer.resume()
    steps, episodes = arguments.steps, arguments.episodes
    # Without a length, what was planned, or what is left of it.
    planned = max(about["training_settings"]["steps"], trainer.progress.asked_steps)
    until = planned if steps is None and episodes is None else None
    interrupt = _Interrupt()
    begun = trainer.progress.steps
    length = episodes or steps or max(until - begun, 0)
    with _bar(length, "episodes" if episodes else "steps") as bar:
        start = trainer.progress.episodes if episodes else begun

        def report(progress) -> None:
            bar.set_postfix_str(str(progress), refresh=False)
            bar.update((progress.episodes if episodes else progress.steps) - start - bar.n)

        progress = trainer.run(steps, episodes, until, report, interrupt)
    print(f"{progress.steps} steps, {progress.episodes} episodes; best evaluation {progress.best:.4g}; in {out}/")
    if interrupt.asked:
        pair = [plan.task, "--controller", plan.controller, "--out", str(out), "--resume"]
        pair += ["--preset", arguments.preset] if arguments.preset else []
        pair += [word for assignment in arguments.assignments for word in ("--set", assignment)]
        print(f"stopped; go on with: control-bench train {shlex.join(pair)}")
    return 130 if interrupt.asked else 0


def _export(arguments: argparse.Namespace) -> int:
    plan = _plan(arguments, checkpoint=arguments.checkpoint, shipped=True)
    plan.check_trained()
    task = plan.make_task()
    controller = plan.make_controller(task, arguments.seed)
    try:
        from control_bench.learning.export import export
    except ModuleNotFoundError as error:
        raise BadInput(f"export needs {error.name}: pip install 'control_bench[learn,export]'") from None
    apart = export(controller, plan.about(task), Path(arguments.out))
    print(f"wrote {arguments.out}; onnxruntime's actions differ from {plan.controller}'s by {apart:.1g} at most")
    return 0


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
    changed = [name for name in now if before.get(name) != now[name]]
    return f"{key} " + ", ".join(f"{name}={before.get(name)}, not {now[name]}" for name in changed)


def _report(arguments: argparse.Namespace) -> int:
    from control_bench.bench.report import summaries, write_report
    from control_bench.bench.table import print_table

    stores = [Path(store) for store in arguments.stores]
    if arguments.json:
        print(json.dumps(summaries(stores)))
        return 0
    if arguments.table:
        print_table(summaries(stores))
    page = write_report(stores, Path(arguments.out))
    print(f"wrote {page} and {page.with_suffix('.md')}")
    return 0


def _bar(total: int, unit: str):
    from tqdm import tqdm

    return tqdm(
        total=total, unit=f" {unit}", unit_scale=unit == "steps", file=sys.stderr, disable=None, mininterval=0.2
    )


def main(argv: list[str] | None = None) -> int:
    """Runs a command; 0 on success, 2 for bad input (one line on standard error), 130 after Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.do(arguments)
    except BadInput as error:
        print(f"control-bench: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


if __name__ == "__main__":
    sys.exit(main())
