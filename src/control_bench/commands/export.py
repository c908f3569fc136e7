"""`control-bench export`: a policy as ONNX, for programs without torch."""

import argparse
from pathlib import Path

from control_bench.commands.common import add_command, add_pair, plan_from
from control_bench.resources import needing

MORE = """The file takes `observation` (rows, ...) and gives `action` (rows, ...), both as the task has
them, and tells in its metadata what it was made with. Its actions are compared with ours before it
is written."""
EXAMPLES = """  control-bench export balance --controller naf --out naf.onnx
  control-bench export drivebot --controller dqn --checkpoint out/dqn --out dqn.onnx"""


def add(commands) -> None:
    parser = add_command(commands, "export", _export, "write a policy as ONNX, for other programs", EXAMPLES, MORE)
    add_pair(parser)
    parser.add_argument("--checkpoint", metavar="F", help="the policy: a file or a training folder (default: ours)")
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write, such as policy.onnx")


def _export(arguments: argparse.Namespace) -> int:
    plan = plan_from(arguments, checkpoint=arguments.checkpoint, shipped=True)
    plan.check_trained()
    task = plan.make_task()
    controller = plan.make_controller(task)
    with needing("export", "learn,export"):
        from control_bench.learning.export import export
    apart = export(controller, plan.about(task), Path(arguments.out))
    print(f"wrote {arguments.out}; onnxruntime's actions differ from {plan.controller}'s by {apart:.1g} at most")
    return 0
