#!/usr/bin/env python3
"""How many steps of an arm are late in real time, at 200 Hz: `python3 benchmarks/realtime_rate.py [--controller osc]`.

Runs arm.launch and reads what its nodes say on /diagnostics: a step of the world is late when it begins more than half
a step after its time; a controller is in trouble at a step that its last plan had to answer. Run it where our workspace
is sourced, on a machine that does nothing else.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time

from free_port import free_port


def measure(controller: str, rate: float, seconds: float) -> str:
    """What /diagnostics says in the end."""
    port = free_port()
    settings = f"settings:=task.dt={1.0 / rate:g}"
    with tempfile.TemporaryDirectory() as logs:
        environment = os.environ | {"ROS_LOG_DIR": logs, "ROS_MASTER_URI": f"http://localhost:{port}"}
        quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = ["roslaunch", "-p", str(port), "control_bench", "arm.launch", f"controller:={controller}", settings]
        launch = subprocess.Popen(command, **quiet)
        try:
            time.sleep(10.0 + seconds)
            listen = ["timeout", "3", "rostopic", "echo", "/diagnostics"]
            return subprocess.run(listen, env=environment, capture_output=True, text=True).stdout
        finally:
            launch.send_signal(2)
            launch.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--controller", default="osc", help="default: osc")
    parser.add_argument("--rate", type=float, default=200.0, help="steps a second (default 200)")
    parser.add_argument("--seconds", type=float, default=30.0, help="to run (default 30)")
    arguments = parser.parse_args()
    told = measure(arguments.controller, arguments.rate, arguments.seconds)
    for node in ("world_node", "robot0/controller_node"):
        last = told.split(f'name: "{node}"')[-1].split("---")[0]
        message, pairs = re.search('message: "(.*)"', last)[1], re.findall(r'key: "(.*)"\s+value: "(.*)"', last)
        print(f"{node}: {message}; " + ", ".join(f"{key} {value}" for key, value in pairs))


if __name__ == "__main__":
    main()
