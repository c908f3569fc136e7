"""`control-bench run`: episodes of a controller, judged, stored and filmed."""

import argparse
import contextlib
import json
import signal

from control_bench.commands.common import Interrupt, add_command, add_pair, add_seed, plan_from, positive, progress_bar

MORE = """What learns acts by the policy that ships for it, if one does, or by --checkpoint, and with the
settings that it was trained with. Ctrl-C keeps the episodes that are done."""
EXAMPLES = """  control-bench run balance --controller naf --episodes 20
  control-bench run balance --controller naf --preset pixels --video pole.mp4
  control-bench run drivebot --controller dqn --checkpoint out/dqn --store out/drivebot.db
  control-bench run reach --controller ilqr --set arm=kuka --json"""


def add(commands) -> None:
    parser = add_command(commands, "run", _run, "run episodes, print a table, store or film them", EXAMPLES, MORE)
    add_pair(parser)
    add_seed(parser)
    parser.add_argument(
        "--checkpoint", metavar="F", help="policy to act by: a file or a training folder (default: ours)"
    )
    parser.add_argument("--episodes", type=positive, default=10, metavar="N", help="how many (default 10)")
    parser.add_argument("--store", metavar="DB", help="SQLite file to add the episodes to")
    parser.add_argument("--label", default="", help="tells this run from others of the controller in a report")
    parser.add_argument("--learn", action="store_true", help="learn while running, as a learner does on a robot")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument(
        "--video", metavar="F", help="film the first episode, at the simulation's pace, as .mp4 or .gif"
    )


def _run(arguments: argparse.Namespace) -> int:
    from control_bench.bench.episode import Run, summary
    from control_bench.bench.run import run_episodes
    from control_bench.bench.store import Store
    from control_bench.bench.table import print_table
    from control_bench.controllers.actor import Actor
    from control_bench.env import TaskEnv

    plan = plan_from(arguments, checkpoint=arguments.checkpoint, shipped=not arguments.learn)
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
    interrupt = Interrupt()
    with Store(arguments.store) if arguments.store else contextlib.nullcontext() as store:
        with progress_bar(arguments.episodes, "episodes") as bar:

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
    with progress_bar(len(film), "frames") as bar:
        write_video(arguments.video, film, bar.update)
    if not arguments.json:
        print(f"wrote {arguments.video}")
