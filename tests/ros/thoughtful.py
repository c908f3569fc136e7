"""A controller that thinks before the first action of an episode, for as long as many steps take."""

import time

from control_bench.controllers.osc import OSC

THINKS = 0.4
"""s."""


class Thoughtful(OSC):
    """osc, which begins late."""

    def begin(self, seed: int) -> None:
        super().begin(seed)
        time.sleep(THINKS)
