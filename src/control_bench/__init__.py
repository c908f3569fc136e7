"""Robot controllers, classical and learned, put through the same tasks, in-process and over ROS."""

__version__ = "0.1.0"

try:
    from control_bench.registry import register_environments as _register_environments
except ModuleNotFoundError as _error:
    # rostopic, rosbag and their like import this package for its messages alone, in a Python that has no Gymnasium.
    if _error.name != "gymnasium":
        raise
else:
    _register_environments()
