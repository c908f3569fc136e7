"""Robot controllers, classical and learned, put through the same tasks, in-process and over ROS."""

__version__ = "0.1.0"

from control_bench.registry import register_environments as _register_environments

_register_environments()
