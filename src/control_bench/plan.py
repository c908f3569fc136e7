"""What is to be run: a task, a controller, and the settings of both from presets, checkpoints and the command line.

Later sources override earlier ones: the dataclasses' defaults, `config/<task>/<controller>.yaml`, the named preset,
`--set`. A checkpoint's own settings take the place of all but `--set`: a policy acts with what it was trained with. The
command line and the ROS nodes both come through here.
"""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from control_bench.controllers.base import Controller, NoSettings, Trainable
from control_bench.errors import BadInput, nearest
from control_bench.learning.checkpoint import load, locate_checkpoint
from control_bench.registry import controller_class, task_class
from control_bench.resources import share
from control_bench.settings import fill, read_yaml
from control_bench.tasks.base import Task

SECTIONS = ("task", "controller", "training")


@dataclass
class Plan:
    """A task's and a controller's names with their settings as plain values, and the policy to act by, if any."""

    task: str
    controller: str
    preset: str | None = None
    task_settings: dict[str, Any] = field(default_factory=dict)
    controller_settings: dict[str, Any] = field(default_factory=dict)
    training_settings: dict[str, Any] = field(default_factory=dict)
    checkpoint: Path | None = None
    contents: dict[str, Any] | None = None

    def section(self, name: str) -> dict[str, Any]:
        return getattr(self, f"{name}_settings")

    def settings_class(self, name: str) -> type:
        if name == "task":
            return task_class(self.task).Settings
        cls = controller_class(self.controller)
        if name == "controller":
            return cls.Settings
        return cls.Training if issubclass(cls, Trainable) else NoSettings

    def make_task(self, rows: int = 1) -> Task:
        return task_class(self.task)(fill(self.settings_class("task"), self.task_settings, "task settings"), rows)

    def make_controller(self, task: Task, seed: int = 0) -> Controller:
        """The controller for a task's spaces, with the checkpoint's policy; BadInput where they don't fit together."""
        cls = controller_class(self.controller)
        settings = fill(cls.Settings, self.controller_settings, "controller settings")
        reason = misfit(cls, task)
        if reason:
            raise BadInput(f"{cls.__name__} can't be used here: {reason}")
        told = {name: getattr(task, name) for name in cls.uses}
        try:
            controller = cls(task.observation_space, task.action_space, settings, seed=seed, **told)
        except BadInput as error:
            raise BadInput(f"{self.controller} on {self.task}: {error}") from None
        if self.contents is not None:
            if not isinstance(controller, Trainable):
                raise BadInput(f"controller '{self.controller}' takes no checkpoint: leave --checkpoint out")
            made_for = self.contents["spaces"]
            if controller.of_task and made_for != spaces_of(task):
                raise BadInput(f"{self.checkpoint}: made for {made_for}, not {spaces_of(task)}: set the task as it was")
            try:
                controller.set_policy(self.contents["policy"])
            except BadInput as error:
                raise BadInput(f"{self.checkpoint}: {error}") from None
            except (RuntimeError, KeyError, ValueError, TypeError):
                raise BadInput(
                    f"{self.checkpoint}: its policy does not fit these controller settings{self._changed()}: "
                    "leave them as they were"
                ) from None
        return controller

    def _changed(self) -> str:
        """The controller's settings that are not the checkpoint's, in brackets."""
        changed = apart(self.resolved()["controller"], self.contents["controller_settings"])
        return f" ({'; '.join(changed)})" if changed else ""

    def check_trained(self) -> None:
        """BadInput where the controller would act by a policy that nobody has trained."""
        cls = controller_class(self.controller)
        if issubclass(cls, Trainable) and self.contents is None:
            reason = misfit(cls, self.make_task())
            if reason:
                raise BadInput(f"{cls.__name__} can't be used here: {reason}")
            preset = f" --preset {self.preset}" if self.preset else ""
            make = f"control-bench train {self.task} --controller {self.controller}{preset} --out DIR"
            raise BadInput(f"no policy of {self.controller} ships for this: `{make}`, and then --checkpoint DIR")

    def resolved(self) -> dict[str, dict[str, Any]]:
        """Every section with its defaults filled in."""
        sections = {}
        for name in SECTIONS:
            where = f"{name} settings"
            sections[name] = plain(asdict(fill(self.settings_class(name), self.section(name), where)))
        return sections

    def about(self, task: Task) -> dict[str, Any]:
        """What a policy of this plan was made for and with: names, spaces, and every setting."""
        settings = {f"{name}_settings": settings for name, settings in self.resolved().items()}
        return {"task": self.task, "controller": self.controller, "spaces": spaces_of(task)} | settings


def misfit(cls: type[Controller], task: Task) -> str | None:
    """Why a controller does not suit a task, with the mend, or None if it does."""
    if "model" in cls.uses and task.model is None:
        return "it wants a model of the robot, and the task has none: take a task of an arm, such as reach"
    for name in cls.uses:
        if not hasattr(task, name):
            return f"it wants the task's {name}, and the task tells of none: take another task"
    return cls.refuses(task.observation_space, task.action_space)


def plain(value: Any) -> Any:
    """Tuples as lists, as YAML and JSON have them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def apart(ones: dict[str, Any], others: dict[str, Any]) -> list[str]:
    """Which settings are not as others say, as text."""
    return [f"{name}={ones.get(name)}, not {other}" for name, other in others.items() if ones.get(name) != other]


def spaces_of(task: Task) -> str:
    """What a policy was made for, as text to compare and to show."""

    def text(space) -> str:
        bounds = f" {space.low.flat[0]:g}..{space.high.flat[0]:g}" if hasattr(space, "low") else ""
        sizes = getattr(space, "n", None) or (space.nvec.tolist() if hasattr(space, "nvec") else list(space.shape))
        return f"{type(space).__name__} {sizes}{bounds}"

    return f"observations {text(task.observation_space)}, actions {text(task.action_space)}"


def make_plan(
    task: str,
    controller: str,
    preset: str | None = None,
    checkpoint: str | Path | None = None,
    assignments: dict[str, Any] | None = None,
    shipped: bool = False,
) -> Plan:
    """Puts a plan together; BadInput where something named is not there or does not fit.

    Args:
        preset: a name (`article`: `config/<task>/<controller>-article.yaml`) or a YAML file.
        checkpoint: a file or a training folder to act by.
        assignments: settings by `section.key`, or by `key` alone where one section has it.
        shipped: act by the policy that ships for this pair, or for its preset, if one does and no checkpoint is named.
    """
    plan = Plan(task, controller, preset)
    # Names that are unknown, or of the wrong things, are told before anything else.
    for name, cls, base in ((task, task_class(task), Task), (controller, controller_class(controller), Controller)):
        if not (isinstance(cls, type) and issubclass(cls, base)):
            raise BadInput(f"'{name}' is not a {base.__name__}: derive it from {base.__module__}.{base.__name__}")
    folder, named = share() / "config" / task, f"{controller}-{preset}" if preset else controller
    default = folder / f"{controller}.yaml"
    if default.is_file():
        _merge(plan, read_yaml(default), default)
    if preset:
        path = Path(preset) if Path(preset).suffix else folder / f"{named}.yaml"
        if not path.is_file():
            known = presets(task, controller)
            hint = nearest(preset, known) if known else "it has none"
            raise BadInput(f"{controller} on {task} has no preset '{preset}', {hint} (or name a YAML file)")
        chosen = read_yaml(path)
        _merge(plan, chosen, path)
    ours = _shipped(plan, named)
    if checkpoint:
        wanted = plan.resolved()
        _take_checkpoint(plan, locate_checkpoint(checkpoint))
        if preset:
            _check_preset(plan, chosen, wanted)
    elif shipped and ours:
        _take_checkpoint(plan, ours)
    for key, value in (assignments or {}).items():
        section, name = _find(plan, key)
        plan.section(section)[name] = value
    plan.resolved()  # every key and type is checked here, before anything starts
    return plan


def _shipped(plan: Plan, named: str) -> Path | None:
    """The policy that ships for a pair; what is trained on data alone ships for a task and those derived from it."""
    tasks = [plan.task] if _of_task(plan) else task_class(plan.task).lineage()
    files = (share() / "policies" / task / f"{named}.pt" for task in tasks)
    return next((file for file in files if file.is_file()), None)


def _of_task(plan: Plan) -> bool:
    cls = controller_class(plan.controller)
    return not issubclass(cls, Trainable) or cls.of_task


def presets(task: str, controller: str) -> list[str]:
    """The named presets of a pair, by which `config/<task>/<controller>-<preset>.yaml` is found."""
    files = (share() / "config" / task).glob(f"{controller}-*.yaml")
    return sorted(file.stem.removeprefix(f"{controller}-") for file in files)


def _merge(plan: Plan, values: dict[str, Any], where: Path) -> None:
    for section, settings in values.items():
        if section not in SECTIONS:
            raise BadInput(f"{where}: unknown section '{section}', {nearest(section, SECTIONS)}")
        if not isinstance(settings or {}, dict):
            raise BadInput(f"{where}: {section}: should hold 'key: value' lines")
        fill(plan.settings_class(section), settings or {}, f"{where}: {section}")
        plan.section(section).update(settings or {})


def _take_checkpoint(plan: Plan, path: Path) -> None:
    contents = load(path)
    lacking = [key for key in ("task_settings", "controller_settings", "spaces", "policy") if key not in contents]
    if lacking:
        raise BadInput(f"{path}: not a whole checkpoint, it lacks '{lacking[0]}': train it again")
    of_task = _of_task(plan)
    for kind, mine in (("task", plan.task), ("controller", plan.controller)):
        if contents.get(kind) != mine and (of_task or kind != "task"):
            raise BadInput(f"{path}: made for {kind} '{contents.get(kind)}', not '{mine}': name a checkpoint of {mine}")
    plan.checkpoint, plan.contents = path, contents
    if of_task:
        plan.task_settings = dict(contents["task_settings"])
    plan.controller_settings = dict(contents["controller_settings"])
    for section in ("task", "controller"):  # a setting that is no longer there is told with the file that names it
        fill(plan.settings_class(section), plan.section(section), f"{path}: {section}")


def _check_preset(plan: Plan, preset: dict[str, Any], wanted: dict[str, dict]) -> None:
    """BadInput where a preset sets what the checkpoint was trained with in another way."""
    had = plan.resolved()
    for section in ("task", "controller"):
        for values in apart(had[section], {name: wanted[section][name] for name in preset.get(section) or {}}):
            mend = "leave the preset out, or name a checkpoint of it"
            raise BadInput(f"{plan.checkpoint}: trained with {values} as preset '{plan.preset}' has it: {mend}")


def _find(plan: Plan, key: str) -> tuple[str, str]:
    """The section and name that a key of --set means."""
    names = {section: [f.name for f in fields(plan.settings_class(section))] for section in SECTIONS}
    section, dot, name = key.partition(".")
    if dot and section in SECTIONS:
        if name not in names[section]:
            raise BadInput(f"--set {key}: {section} has no setting '{name}', {nearest(name, names[section])}")
        return section, name
    having = [section for section in SECTIONS if key in names[section]]
    if not having:
        raise BadInput(f"--set {key}: unknown setting, {nearest(key, sum(names.values(), []))}")
    if len(having) > 1:
        told = " or ".join(f"{section}.{key}" for section in having)
        raise BadInput(f"--set {key}: {' and '.join(having)} both have it: write {told}")
    return having[0], key


def describe(plan: Plan) -> str:
    """The plan's settings as YAML, as `settings.yaml` keeps them."""
    return yaml.safe_dump(
        {"task": plan.task, "controller": plan.controller, "settings": plan.resolved()}, sort_keys=False
    )
