"""The pictures of a video: what an episode's moments look like, a class a task."""

from control_bench.bench.episode import Episode
from control_bench.bench.pictures.base import Picture
from control_bench.bench.pictures.curves import Curves
from control_bench.resources import load_class
from control_bench.tasks.base import Task

PICTURES = {
    "drivebot": ("control_bench.bench.pictures.drivebot:DrivebotPicture",),
    "reach": (
        "control_bench.bench.pictures.reach:PlanarArmPicture",
        "control_bench.bench.pictures.kuka:KukaPicture",
    ),
    "balance": ("control_bench.bench.pictures.balance:BalancePicture",),
    "grasp": ("control_bench.bench.pictures.grasp:GraspPicture",),
    "kuka_balance": ("control_bench.bench.pictures.kuka_balance:KukaBalancePicture",),
}
"""A task's name to its pictures, as `module:class`; the first that suits an episode draws it."""


def picture_of(task: Task, episode: Episode) -> Picture:
    """What draws an episode's moments: curves of its readings where there is no picture of its task, nor of one that
    the task was derived from."""
    for name in task.lineage():
        for target in PICTURES.get(name, ()):
            cls = load_class(target)
            if cls.suits(task, episode):
                return cls(task, episode)
    return Curves(task, episode)
