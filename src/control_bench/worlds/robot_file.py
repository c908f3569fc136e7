"""Reads STDR's robot files, YAML or XML, into a Robot.

Both formats hold one tree of tags, read by one table of what may stand in what. Lengths are in metres, angles in
radians, frequencies in hertz. Where STDR takes a bad value for 0, or dies of it, this reader raises BadInput.
"""

import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from control_bench.errors import BadInput, nearest
from control_bench.worlds.robot import Footprint, Kinematics, Laser, Noise, Pose, RfidReader, Robot, Sonar

# The grammar: what may stand in each block, what must, what may stand there repeatedly, and what a number must be
# beyond finite. Defaults are those of the dataclasses.
SENSORS = {"sonar": Sonar, "laser": Laser, "rfid_reader": RfidReader}
POSE = ("x", "y", "theta")
RANGE_SENSOR = ("max_range", "min_range", "frequency", "frame_id", "pose", "noise")
MOTION_NOISE = tuple(f"a_{row}_{column}" for row in ("ux", "uy", "w", "g") for column in ("ux", "uy", "w"))
WITH_SPECIFICATIONS = ("robot", "footprint", "laser", "sonar", "rfid_reader", "noise", "kinematic")
BLOCKS: dict[str, tuple[str, ...]] = {
    **{tag: ("filename", f"{tag}_specifications") for tag in WITH_SPECIFICATIONS},
    "robot_specifications": ("initial_pose", "footprint", "kinematic", *SENSORS),
    **dict.fromkeys(("initial_pose", "pose"), POSE),
    "footprint_specifications": ("radius", "points"),
    "points": ("point",),
    "point": ("x", "y"),
    "laser_specifications": ("min_angle", "max_angle", "num_rays", *RANGE_SENSOR),
    "sonar_specifications": ("cone_angle", *RANGE_SENSOR),
    "rfid_reader_specifications": ("angle_span", "signal_cutoff", "max_range", "frequency", "frame_id", "pose"),
    "noise_specifications": ("noise_mean", "noise_std"),
    "kinematic_specifications": ("kinematic_model", "kinematic_parameters"),
    "kinematic_parameters": MOTION_NOISE,
}
REQUIRED: dict[str, tuple[str, ...]] = {
    **{tag: (f"{tag}_specifications",) for tag in WITH_SPECIFICATIONS},
    **{tag: BLOCKS[tag] for tag in ("point", "kinematic_parameters")},
    "kinematic_specifications": ("kinematic_model",),
}
REPEATABLE = (*SENSORS, "point")
SPAWN_ONLY = dict.fromkeys(("co2_sensor", "thermal_sensor", "sound_sensor"), "leave it out, STDR refuses it in a file")
TEXTS = ("filename", "frame_id", "kinematic_model")
NUMBERS: dict[str, tuple[str, Callable[[float], bool]]] = {
    **dict.fromkeys(("radius", "cone_angle", "max_range", "frequency"), ("a finite number above 0", lambda n: n > 0)),
    **dict.fromkeys(("min_range", "noise_std", *MOTION_NOISE), ("a finite number, 0 or more", lambda n: n >= 0)),
    "num_rays": ("a whole number from 1 to 2147483647", lambda n: 1 <= n < 2**31 and n.is_integer()),
}


def load_robot(path: str | Path, resources: Sequence[Path] = ()) -> Robot:
    """Read a robot file; what it includes is looked for beside it and then in each folder of `resources`.

    What stands beside a `filename` overrides the values of that file; sensors and points are added to those in it.
    Raises BadInput, of one line that names file and key, for whatever cannot be used.
    """
    tree = _read_file(Path(path), "robot", (), resources)["robot_specifications"]
    sensors = {
        f"{tag}s": tuple(_sensor(tag, i, block, path) for i, block in enumerate(tree.get(tag, ()))) for tag in SENSORS
    }
    for frame_id, times in Counter(sensor.frame_id for kind in sensors.values() for sensor in kind).items():
        if times > 1:
            raise _bad(f"{path}: frame_id", f"'{frame_id}' names {times} sensors; give each its own")
    given = _specifications(tree, "kinematic")
    return Robot(
        initial_pose=Pose(**tree.get("initial_pose", {})),
        footprint=_footprint(_specifications(tree, "footprint"), path),
        kinematics=Kinematics(given.get("kinematic_model", Kinematics.model), **given.get("kinematic_parameters", {})),
        **sensors,
    )


def _bad(where: str, wrong: str) -> BadInput:
    # Joined on single spaces, since what a parser says, and a value itself, may run over several lines.
    return BadInput(" ".join(f"{where}: {wrong}".split()))


def _read_file(path: Path, tag: str, chain: tuple[Path, ...], resources: Sequence[Path]) -> dict:
    """The block that a file holds under its one root tag; `chain` are the files whose includes led here."""
    pairs = _parse(path)
    if [key for key, _ in pairs] != [tag]:
        found = ", ".join(key for key, _ in pairs) or "nothing"
        raise _bad(f"{path}: {tag}", f"must be the one tag at the root, and there is {found}; put all inside it")
    return _block(tag, [pairs[0][1]], f"{path}: {tag}", (*chain, path.resolve()), resources)


def _parse(path: Path) -> list[tuple[str, object]]:
    """The keys and nodes at the root of a file: one in a good file."""
    if path.suffix not in (".yaml", ".yml", ".xml"):
        raise _bad(str(path), "is neither .yaml, .yml nor .xml; rename it for what it holds")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix != ".xml":
            return _pairs(yaml.compose(text, Loader=yaml.SafeLoader), str(path))
        # Entities can blow up a small file to gigabytes, and a robot file has no use for them.
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise _bad(str(path), "declares a DOCTYPE or an ENTITY; take it out")
        root = ET.fromstring(text)
        return [(root.tag, root)]
    except OSError as error:
        raise _bad(str(path), f"cannot be read ({error.strerror}); give the path of a robot file") from error
    except (UnicodeError, yaml.YAMLError, ET.ParseError, RecursionError) as error:
        raise _bad(str(path), f"is malformed ({error}); mend its syntax") from error


def _pairs(node: object, where: str) -> list[tuple[str, object]]:
    """The key and node of each child of a block: an XML element, a YAML map, a YAML list of maps, or nothing."""
    if isinstance(node, ET.Element):
        if not "".join([node.text or "", *(child.tail or "" for child in node), *node.attrib]).strip():
            return [(child.tag, child) for child in node]
    elif node is None or node.tag == "tag:yaml.org,2002:null":
        return []
    else:
        maps = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if all(isinstance(item, yaml.MappingNode) for item in maps):
            return [(str(key.value), child) for item in maps for key, child in item.value]
    raise _bad(where, "holds a bare value or an attribute; write each value in a tag of its own inside it")


def _value(key: str, node: object, where: str) -> str | float:
    """The value of a key, once it has passed what the grammar asks of it."""
    if isinstance(node, ET.Element) and len(node) == len(node.attrib) == 0:
        text = (node.text or "").strip()
    elif isinstance(node, yaml.ScalarNode):
        text = node.value.strip()
    else:
        raise _bad(where, "is not a plain value; write one, without tags or attributes")
    if key in TEXTS and text:
        return text
    needs, is_right = NUMBERS.get(key, ("a name" if key in TEXTS else "a finite number", math.isfinite))
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or not is_right(number):
        raise _bad(where, f"'{text}' is not {needs}; write one")
    return int(number) if key == "num_rays" else number


def _block(tag: str, nodes: list, where: str, chain: tuple[Path, ...], resources: Sequence[Path]) -> dict:
    """The block of a tag that may have been written in several parts, with what its `filename` adds."""
    children: dict[str, list] = {}
    for key, child in (pair for node in nodes for pair in _pairs(node, where)):
        if key not in BLOCKS[tag]:
            hint = SPAWN_ONLY.get(key) or nearest(key, BLOCKS[tag])
            raise _bad(f"{where}.{key}", f"is not allowed here; {hint}")
        children.setdefault(key, []).append(child)
    block = {}
    for key, parts in children.items():
        at = f"{where}.{key}"
        if key in REPEATABLE:
            block[key] = [_block(key, [part], f"{at}[{i}]", chain, resources) for i, part in enumerate(parts)]
        elif key in BLOCKS:
            block[key] = _block(key, parts, at, chain, resources)
        elif len(parts) > 1:
            raise _bad(at, "is given twice; keep one")
        else:
            block[key] = _value(key, parts[0], at)
    if "filename" in block:
        included = _find(block.pop("filename"), f"{where}.filename", chain, resources)
        block = _merged(_read_file(included, tag, chain, resources), block)
    for key in REQUIRED.get(tag, ()):
        if key not in block:
            raise _bad(f"{where}.{key}", "is missing and has no default; add it")
    return block


def _find(name: str, where: str, chain: tuple[Path, ...], resources: Sequence[Path]) -> Path:
    for folder in (chain[-1].parent, *resources):
        path = Path(folder, name)
        if path.is_file():
            if path.resolve() in chain:
                raise _bad(where, f"'{name}' includes itself by way of this file; break the circle")
            return path
    raise _bad(where, f"there is no file '{name}' beside this one or among the resources; correct the path")


def _merged(base: dict, own: dict) -> dict:
    """Both blocks in one: own values win, and lists of blocks add up."""
    merged = {**base, **own}
    for key in base.keys() & own.keys():
        if isinstance(own[key], list):
            merged[key] = base[key] + own[key]
        elif isinstance(own[key], dict):
            merged[key] = _merged(base[key], own[key])
    return merged


def _specifications(block: dict, tag: str) -> dict:
    return block.get(tag, {}).get(f"{tag}_specifications", {})


def _sensor(tag: str, index: int, block: dict, path: str | Path) -> Sonar | Laser | RfidReader:
    values = {"frame_id": f"{tag}_{index}", **block[f"{tag}_specifications"]}
    values["pose"] = Pose(**values.get("pose", {}))
    if "noise" in values:
        noise = _specifications(values, "noise")
        values["noise"] = Noise(noise.get("noise_mean", Noise.mean), noise.get("noise_std", Noise.std))
    sensor = SENSORS[tag](**values)
    least = getattr(sensor, "min_range", 0.0)
    if sensor.max_range <= least:
        wrong = f"{sensor.max_range} is not above min_range {least}; make it larger"
        raise _bad(f"{path}: {tag}[{index}].max_range", wrong)
    return sensor


def _footprint(given: dict, path: str | Path) -> Footprint:
    corners = tuple((point["x"], point["y"]) for point in given.get("points", {}).get("point", ()))
    if len(corners) in (1, 2):
        raise _bad(f"{path}: points", f"{len(corners)} make no polygon; write at least 3, or none for a circle")
    return Footprint(given.get("radius", Footprint.radius), corners)
