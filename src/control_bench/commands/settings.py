"""`control-bench settings`: every setting of a task and a controller, with what it means, as a preset to start from."""

import argparse
import inspect
from dataclasses import is_dataclass

import yaml

from control_bench.commands.common import add_command, add_pair, plan_from
from control_bench.plan import presets

MORE = """What it prints is a preset: keep it in a file, change it, and give that as --preset."""
EXAMPLES = """  control-bench settings balance --controller naf
  control-bench settings drivebot --controller dqn --preset article > mine.yaml
  control-bench train drivebot --controller dqn --preset mine.yaml --out out/mine"""


def add(commands) -> None:
    what = "tell every setting of a task and a controller, with what it means"
    add_pair(add_command(commands, "settings", _settings, what, EXAMPLES, MORE))


def _settings(arguments: argparse.Namespace) -> int:
    plan = plan_from(arguments)
    named = ", ".join(presets(plan.task, plan.controller)) or "none"
    print(f"# {plan.controller} on {plan.task}; presets: {named}")
    for name, values in plan.resolved().items():
        if not values:
            continue
        print()
        for line in _meaning(plan.settings_class(name)):
            print(f"# {line}".rstrip())
        print(yaml.safe_dump({name: values}, sort_keys=False), end="")
    return 0


def _meaning(cls: type) -> list[str]:
    """What a dataclass of settings says of itself, after what it adds to."""
    told: list[str] = []
    for one in reversed(cls.__mro__):
        if is_dataclass(one) and not one.__doc__.startswith(f"{one.__name__}("):  # what dataclass itself writes
            told += [""] * bool(told) + inspect.cleandoc(one.__doc__).splitlines()
    return told
