"""A task's tables in the report, from the digests of its runs: a row a run.

`looks` is what each run looks like in the plots, by its name; its colour is repeated here.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from control_bench.bench import statistics as st
from control_bench.bench.digest import Digest, by_sign
from control_bench.bench.document import MINUS, NONE, Block, Heading, Marked, Table, Text
from control_bench.bench.plot_style import Look
from control_bench.bench.statistics import Estimate

NOTE = (
    "Reward is the sum over an episode. In brackets: 95 % percentile bootstrap interval over the run's episodes. "
    "The interquartile mean leaves out the lowest and the highest quarter. A learning run changes as it goes: "
    "its numbers describe the whole of it, not what it ends with."
)
STAGE = 200
"""Episodes in the first and in the last stage of a learning run, as in the drivebot article; fewer in a shorter run."""
MANY = 14
"""A frequency table of more columns than these shows the rewards' signs instead."""


def overview(digests: Sequence[Digest], looks: dict[str, Look]) -> list[Block]:
    """How the runs compare: the summary, and the deciles."""
    summary, spread = [], []
    for d in digests:
        name = Marked(d.name, looks[d.name].colour)
        summary.append([name, _via(d), str(d.run.seed), len(d.rewards), *d.centres.values(), _shares(d.outcomes)])
        spread.append([name, *_each(d.deciles)])
    episodes = sum(len(d.rewards) for d in digests)
    header = ["controller", "via", "seed", "episodes", *digests[0].centres, "outcomes"]
    return [
        Text(f"{_count(len(digests), 'run')}, {_count(episodes, 'episode')}. {NOTE}"),
        Table(header, summary),
        Text("Deciles of the reward: what so large a share of a run's episodes earned at most."),
        Table(["controller", *(f"{percent} %" for percent in st.DECILES)], spread),
    ]


def details(digests: Sequence[Digest], looks: dict[str, Look]) -> list[Block]:
    """What stands behind the comparison: actions, scores, how each run was made."""
    acted = [d for d in digests if len(d.by_step.count)]
    choosing, steering = [d for d in acted if d.discrete], [d for d in acted if not d.discrete]
    return [
        *(_frequencies(choosing, looks) if choosing else []),
        *(_components(steering, looks) if steering else []),
        *(_scores(digests, looks) if any(d.scores for d in digests) else []),
        Heading("How the runs were made", 3),
        _runs(digests, looks),
        *_settings(digests, looks),
    ]


def _frequencies(digests: Sequence[Digest], looks: dict[str, Look]) -> list[Block]:
    rows = []
    for d in digests:
        rows.append((d.name, d, _sum(d.tables)))
        stage = min(STAGE, len(d.tables) // 2)
        if d.run.learning and stage:
            rows.append((f"{d.name}: first {stage}", d, _sum(d.tables[:stage])))
            rows.append((f"{d.name}: last {stage}", d, _sum(d.tables[-stage:])))
    signs = not all(d.whole for d in digests) or len({pair for _, _, table in rows for pair in table}) > MANY
    if signs:
        rows = [(name, d, by_sign(table)) for name, d, table in rows]
    total = _sum([table for name, d, table in rows if name == d.name])  # stages are parts of what is counted already
    pairs = sorted(total, key=lambda pair: (-total[pair], pair))
    letters = _letters({action for action, _ in pairs})
    header = [letters[action] + _reward(reward, signs) for action, reward in pairs]
    cells = [[Marked(name, looks[d.name].colour), *(table.get(pair, 0) for pair in pairs)] for name, d, table in rows]
    meaning = ", ".join(f"{letter} {name}" for name, letter in sorted(letters.items()) if letter != name)
    what = "the sign of the reward" if signs else "the reward"
    text = f"Steps by action and {what} that it earned{f' ({meaning})' if meaning else ''}."
    return [Heading("Actions and their rewards", 3), Text(text), Table(["controller", *header], cells)]


def _sum(tables: Sequence[dict[tuple[str, float], int]]) -> dict[tuple[str, float], int]:
    total: Counter[tuple[str, float]] = Counter()
    for table in tables:
        total.update(table)
    return total


def _letters(names: set[str]) -> dict[str, str]:
    """Actions as the article has them, F for forward; in full where two begin alike, or one by no letter."""
    letters = {name: name[0].upper() for name in names}
    apart = len(set(letters.values())) == len(names) and all(letter.isalpha() for letter in letters.values())
    return letters if apart else {name: f"{name} " for name in names}


def _reward(reward: float, sign: bool) -> str:
    if sign:
        return {-1.0: "<0", 0.0: "=0"}.get(reward, ">0")
    return f"{reward:+g}".replace("-", MINUS) if reward else "0"


def _components(digests: Sequence[Digest], looks: dict[str, Look]) -> list[Block]:
    rows = []
    for d in digests:
        _, _, mean, spread = d.by_step.binned(1)
        rows += [
            [Marked(d.name, looks[d.name].colour), f"action[{index}]", float(mean[0, index]), float(spread[0, index])]
            for index in range(mean.shape[1])
        ]
    text = Text("Each component of the actions over all steps of a run.")
    table = Table(["controller", "component", "mean", "standard deviation"], rows)
    return [Heading("Actions", 3), text, table]


def _scores(digests: Sequence[Digest], looks: dict[str, Look]) -> list[Block]:
    names = sorted({name for d in digests for name in d.scores})
    rows = [
        [
            Marked(d.name, looks[d.name].colour),
            *(st.estimate(d.scores[name], np.mean) if name in d.scores else None for name in names),
        ]
        for d in digests
    ]
    text = Text("What the task measures beside the reward: the mean over a run's episodes.")
    return [Heading("Scores", 3), text, Table(["controller", *map(digests[0].measured, names)], rows)]


def _runs(digests: Sequence[Digest], looks: dict[str, Look]) -> Table:
    rows = []
    for d in digests:
        steps, seconds = sum(d.steps), sum(d.seconds)
        speed = round(steps / seconds) if seconds else None
        made = [d.run.started.replace("T", " ").removesuffix("+00:00"), d.run.version, _via(d), str(d.run.seed)]
        rows.append([Marked(d.name, looks[d.name].colour), *made, len(d.rewards), steps, float(seconds), speed])
    header = ["controller", "started, UTC", "version", "via", "seed", "episodes", "steps", "seconds", "steps a second"]
    return Table(header, rows)


def _settings(digests: Sequence[Digest], looks: dict[str, Look]) -> list[Block]:
    """The task's settings: those that all runs share in one table, the others by run, with each controller's own."""
    keys = sorted({key for d in digests for key in d.run.task_settings})
    values = {key: [_value(d.run.task_settings.get(key)) for d in digests] for key in keys}
    shared = [key for key in keys if len(set(values[key])) == 1]
    differing = [key for key in keys if key not in shared]
    rows = []
    for index, d in enumerate(digests):
        own = [values[key][index] for key in differing]
        rows.append([Marked(d.name, looks[d.name].colour), *own, _listed(d.run.controller_settings)])
    common = _listed({key: digests[0].run.task_settings[key] for key in shared})
    return [
        Heading("Settings", 3),
        *([Text(f"The task, in all runs: {common}.")] if shared else []),
        Table(["controller", *differing, "controller's settings"], rows),
    ]


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in settings.items()) or "none"


def _value(value: Any) -> str:
    if value is None:
        return NONE
    return f"{value:g}" if isinstance(value, float) else str(value)


def _via(digest: Digest) -> str:
    return digest.run.via if digest.run.via == "in-process" else f"ROS, {digest.run.via}"


def _shares(outcomes: Sequence[str]) -> str:
    return ", ".join(f"{kind} {100 * count / len(outcomes):.0f} %" for kind, count in Counter(outcomes).most_common())


def _each(estimate: Estimate) -> list[Estimate]:
    """An estimate of k numbers as k estimates."""
    if estimate.low is None:
        return [Estimate(value) for value in estimate.value]
    return [Estimate(*one) for one in zip(estimate.value, estimate.low, estimate.high, strict=True)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
