"""A task's plots in the report, from the digests of its runs."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from control_bench.bench import hand_plots, plots, trace_plots
from control_bench.bench.digest import Digest
from control_bench.bench.plot_style import Look
from control_bench.bench.statistics import Estimate, estimate, name_of
from control_bench.bench.trace_plots import Path, Trend
from control_bench.errors import BadInput
from control_bench.registry import task_class
from control_bench.resources import locate
from control_bench.worlds.grid_map import GridMap, load_map

STEP_BINS, EPISODE_BINS = 50, 50


def figures(digests: Sequence[Digest], looks: dict[str, Look]) -> dict[str, Figure]:
    """The plots by name; those of actions and of paths only where there are such to show."""
    compared = {name: {digest.name: digest.centres[name] for digest in digests} for name in digests[0].centres}
    found = {
        "rewards": plots.reward_curves({digest.name: np.array(digest.rewards) for digest in digests}, looks),
        "comparison": plots.comparison(compared, looks),
        "deciles": plots.decile_curves({digest.name: digest.deciles for digest in digests}, looks),
        "outcomes": plots.outcome_shares({digest.name: digest.outcomes for digest in digests}),
    }
    scores = _scores(digests)
    if scores:
        found["scores"] = plots.comparison(scores, looks, "Scores", "mean over a run's episodes", sharex=False)
    hands = {digest.name: digest.hands for digest in digests if digest.hands}
    if hands:
        found["hand-paths"] = hand_plots.hand_paths(hands, looks)
        found["hand-speeds"] = hand_plots.speed_profiles(hands, looks)
    acted = [digest for digest in digests if len(digest.by_step.count)]
    shares = {digest.name: _trend(digest) for digest in acted if digest.discrete}
    if shares:
        width = max(trend.mean.shape[1] for trend in shares.values())
        names = [name_of(action, digests[0].action_names) for action in range(width)]
        found["actions"] = trace_plots.action_shares(shares, names)
    components = {digest.name: _trend(digest) for digest in acted if not digest.discrete}
    if components:
        found["action-components"] = trace_plots.action_components(components)
    paths = {digest.name: path for digest in digests if (path := _path(digest)) is not None}
    if paths:
        found["paths"] = trace_plots.driven_paths(paths, looks)
    return found


def _scores(digests: Sequence[Digest]) -> dict[str, dict[str, Estimate]]:
    """The scores that every run has, by name and then by run."""
    names = [name for name in digests[0].scores if all(name in digest.scores for digest in digests)]
    return {digests[0].measured(name): {d.name: estimate(d.scores[name], np.mean) for d in digests} for name in names}


def _trend(digest: Digest) -> Trend:
    """Along the episodes where the run learned, as it is that which changes; else along the steps of an episode."""
    if digest.run.learning and len(digest.by_episode.count) > 1:
        edges, _, mean, spread = digest.by_episode.binned(EPISODE_BINS)
        return Trend("episode", edges, mean, spread, None)
    edges, count, mean, spread = digest.by_step.binned(STEP_BINS)
    return Trend("step of the episode", edges, mean, spread, count / len(digest.rewards))


def _path(digest: Digest) -> Path | None:
    typical = digest.typical_path()
    if typical is None:
        return None
    index, points = typical
    return Path(points, f"episode {index + 1}, reward {digest.rewards[index]:.4g}", _grid(digest))


def _grid(digest: Digest) -> GridMap | None:
    """The map of the run's task, if it has one and it is here."""
    try:
        name = digest.run.task_settings.get("map") or getattr(task_class(digest.run.task).Settings, "map", None)
        return load_map(locate("maps", name)) if name else None
    except BadInput:  # the store may come from another machine
        return None
