"""The service by which robots are put at the start of an episode."""

from collections.abc import Callable, Mapping

import numpy as np
import rospy

from control_bench.srv import Reset, ResetResponse

Robots = Mapping[str, Callable[[np.ndarray], str | None]]
"""Each robot's `why_not(start)` by its name."""


def offer_resets(robots: Callable[[], Robots], begin: Callable[[str, np.ndarray, int], rospy.Time]) -> rospy.Service:
    """Offers `~reset`.

    Args:
        robots: those there are now. begin: of a robot, a start that suits it and an episode's seed; returns the stamp
            from which its sensors are the episode's.
    """

    def answer(request) -> ResetResponse:
        there, start = robots(), np.array(request.start)
        if request.robot not in there:
            return ResetResponse(False, f"there is no {request.robot}, only {', '.join(there)}", rospy.Time())
        why = there[request.robot](start)
        if why:
            return ResetResponse(False, f"{request.robot} can't start at {list(request.start)}: {why}", rospy.Time())
        return ResetResponse(True, "", begin(request.robot, start, request.seed))

    return rospy.Service("~reset", Reset, answer)
