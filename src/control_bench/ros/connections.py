"""How our nodes publish and subscribe, and the names that they know each other by."""

from collections.abc import Callable

import rospy

from control_bench.errors import BadInput

REWARD = "reward"
STARTED = "episode_seed"
"""Where the world tells, of every robot, what its episode was started from."""
ANNOUNCEMENT = "controller"
"""Latched: who drives, for the benchmark's record; a new one in mid-episode tells that the driver was replaced."""
RESET = "world_node/reset"
bad_ends: list[str] = []
"""What this node ends for; one that does exits with status 2."""
QUEUE = 50
"""Messages kept for a subscriber that is behind."""


def publisher(topic: str, kind: type, clock: str) -> rospy.Publisher:
    """A publisher of what is said every step.

    In real time it keeps a queue for whoever is behind, as STDR does. In lockstep `publish` returns when the message
    is written to every subscriber: all wait for each other anyway, nothing is dropped however slow a reader is, and
    no thread need be woken for every message and reader (half of a step's time, measured).
    """
    made = rospy.Publisher(topic, kind, queue_size=QUEUE, tcp_nodelay=True)
    if clock == "lockstep":
        made.impl.set_queue_size(None)  # rospy's way to say so; its constructor warns of a None, which many forget
    return made


def subscribe(
    topic: str, kind: type, callback: Callable[..., None], *arguments, every: bool = False
) -> rospy.Subscriber:
    """Hears messages, with `arguments` after them: the newest QUEUE, or however late every one. Bad input ends the
    node."""

    def hear(message) -> None:
        try:
            callback(message, *arguments)
        except BadInput as error:
            end_badly(error)

    return rospy.Subscriber(topic, kind, hear, queue_size=None if every else QUEUE, tcp_nodelay=True)


def send(publisher: rospy.Publisher, message) -> None:
    """Publishes, but for a message that comes too late, when the node is already ending."""
    try:
        publisher.publish(message)
    except rospy.ROSException:
        if not rospy.core.is_shutdown_requested():  # topics are closed before is_shutdown() says so
            raise


def end_badly(error: BadInput) -> None:
    """Says in one line what can't be used, once, and ends the node."""
    if not bad_ends:
        bad_ends.append(str(error))
        rospy.logfatal("%s: %s", rospy.get_name(), " ".join(str(error).split()))
        rospy.signal_shutdown("bad input")
