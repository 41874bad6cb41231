"""Time for tests: it passes when somebody sleeps, and never otherwise."""

from __future__ import annotations

import asyncio


class Clock:
    """A clock and the sleep that moves it. Who sleeps until the same moment wakes at the same moment."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)
