"""`control-bench report`: what stores hold, as a page with plots, a table or JSON."""

import argparse
import json
from pathlib import Path

from control_bench.commands.common import add_command

EXAMPLES = """  control-bench report out/drivebot.db --out out/report
  control-bench report monday.db tuesday.db --table"""


def add(commands) -> None:
    parser = add_command(
        commands, "report", _report, "write a report of stores as HTML and Markdown, with plots", EXAMPLES
    )
    parser.add_argument("stores", nargs="+", metavar="DB", help="stores that `run --store` wrote")
    parser.add_argument("--out", default="report", metavar="DIR", help="folder for the report (default: report)")
    parser.add_argument("--json", action="store_true", help="print a list of the runs and write no report")
    parser.add_argument("--table", action="store_true", help="print the table of the runs too")


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
