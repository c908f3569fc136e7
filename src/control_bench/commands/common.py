"""What commands share: the task and controller they are about, progress bars, and a Ctrl-C that keeps what is done."""

import argparse
import signal
import sys

from control_bench.plan import Plan, make_plan
from control_bench.registry import CONTROLLERS, TASKS
from control_bench.settings import parse_assignments


def add_command(commands, name: str, do, what: str, examples: str, more: str = "") -> argparse.ArgumentParser:
    """A parser whose arguments `do` takes, which returns the exit status; `what` it does is a line of the list of
    commands, and with `more` and `examples` its own help."""
    parser = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}.\n\n{more}".strip(),
        epilog=f"examples:\n{examples}", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(do=do)
    return parser


def add_pair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help=f"{', '.join(TASKS)}, or package.module:Class")
    parser.add_argument(
        "--controller", required=True, metavar="C", help=f"{', '.join(CONTROLLERS)}, or package.module:Class"
    )
    parser.add_argument("--preset", metavar="NAME", help="settings from config/, such as article, or a YAML file")
    add_set(parser, "task.history=4, learning_rate=0.01 (`control-bench settings` tells all there are)")


def add_set(parser: argparse.ArgumentParser, such_as: str) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments",
        help=f"override a setting, any number of times: {such_as}",
    )  # fmt: skip


def add_seed(parser: argparse.ArgumentParser, default: int | None = 0) -> None:
    parser.add_argument(
        "--seed", type=seed, default=default, metavar="S", help="of the run; the same seed gives the same (default 0)"
    )


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' should be a whole number above 0")
    return int(text)


def seed(text: str) -> int:
    if not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' should be a whole number from 0 to 2**63 - 1")
    return int(text)


class Interrupt:
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


def plan_from(arguments: argparse.Namespace, **options) -> Plan:
    """The plan that a command's arguments make."""
    return make_plan(
        arguments.task,
        arguments.controller,
        arguments.preset,
        assignments=parse_assignments(arguments.assignments),
        **options,
    )


def progress_bar(total: int, unit: str):
    from tqdm import tqdm

    return tqdm(
        total=total, unit=f" {unit}", unit_scale=unit == "steps", file=sys.stderr, disable=None, mininterval=0.2
    )
