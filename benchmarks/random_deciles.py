#!/usr/bin/env python3
"""How long agents that do not look keep the pole up, at both fidelities, beside what the article and a trial reported.

By hand: `python benchmarks/random_deciles.py` (a minute on one core); writes the table into docs/cartpole.md.
"""

from pathlib import Path

import numpy as np

from control_bench.env import TaskVectorEnv
from control_bench.registry import make_task

EPISODES, ROWS, SEED = 100, 20, 0
AGENTS = {
    "no push, no action": (0.0, lambda rng: np.zeros(ROWS, dtype=int)),
    "no push, random": (0.0, lambda rng: rng.integers(0, 5, ROWS)),
    "push of 55 N, no action": (55.0, lambda rng: np.zeros(ROWS, dtype=int)),
    "push of 55 N, random": (55.0, lambda rng: rng.integers(0, 5, ROWS)),
}
REPORTED = {
    "no push, no action": ("all 200", "all 200"),
    "no push, random": ("16 22.9 26 28 31.6 35 37.4 42.3 48.4 56.1 79", "8 10.9 12 13 16 17 18 20 22 27 43"),
    "push of 55 N, no action": ("6 7 7 8 8.6 9 11 12.3 15 21 39", "5 6 6 7 7 7 8 8 8 9 11"),
    "push of 55 N, random": ("3 5.9 7 7.7 8 9 10 11 13 15 32", "3 3 3 3.7 4 4.5 5 6 7.2 9 12"),
}
"""The article's, with the Bullet of 2016; the article's code run with today's."""


def deciles(agent: str, fidelity: str) -> str:
    push, act = AGENTS[agent]
    envs = TaskVectorEnv(make_task("balance", {"push": push, "fidelity": fidelity}, ROWS))
    rng, lengths = np.random.default_rng(SEED), []
    envs.reset(seed=SEED)
    while len(lengths) < EPISODES:
        *_, terminated, truncated, _ = envs.step(act(rng))
        lengths += [envs.task.scores(row)["length"] for row in np.flatnonzero(terminated | truncated)]
    told = np.percentile(lengths[:EPISODES], range(0, 101, 10))
    return "all 200" if min(lengths) == 200 else " ".join(f"{value:.3g}" for value in told)


def main() -> None:
    lines = [
        "| agent | article (2016) | its code, today's Bullet | `article` | `default` |",
        "| --- | --- | --- | --- | --- |",
    ]
    for agent, reported in REPORTED.items():
        lines.append(
            f"| {agent} | {' | '.join(reported)} | {deciles(agent, 'article')} | {deciles(agent, 'default')} |"
        )
        print(lines[-1])
    page, mark = Path(__file__).resolve().parent.parent / "docs" / "cartpole.md", "<!-- results: deciles -->"
    before, rest = page.read_text().split(mark)
    after = rest.split("<!-- /results -->", 1)[1]
    page.write_text("\n".join([before + mark, *lines, "<!-- /results -->"]) + after)


if __name__ == "__main__":
    main()
