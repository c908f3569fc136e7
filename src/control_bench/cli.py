"""The command line: `control-bench list`, `run`, `train` and so on, each in a file of `commands/`."""

import argparse
import sys

from control_bench import __version__
from control_bench.commands import dataset, export, grasp, listing, report, run, settings, train
from control_bench.errors import BadInput

EXAMPLES = """examples:
  control-bench list
  control-bench settings drivebot --controller dqn
  control-bench run drivebot --controller turn_until_clear --episodes 20 --store out/drivebot.db
  control-bench train drivebot --controller dqn --out out/dqn --seed 1
  control-bench run drivebot --controller dqn --checkpoint out/dqn --store out/drivebot.db
  control-bench report out/drivebot.db --out out/report
"""


class _Parser(argparse.ArgumentParser):
    """One that tells what is wrong in one line, as everything of ours does."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message} (`{self.prog} --help` tells more)\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog="control-bench", description="Robot controllers, classical and learned, put through the same tasks.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"control_bench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (listing, settings, run, train, dataset, grasp, export, report):
        command.add(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs a command; 0 on success, 2 for bad input (one line on standard error), 130 after Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.do(arguments)
    except BadInput as error:
        print(f"control-bench: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except MemoryError as error:
        told = f"short of memory ({error}): make pictures, batches or what is remembered smaller"
        print(f"control-bench: {' '.join(told.split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


if __name__ == "__main__":
    sys.exit(main())
