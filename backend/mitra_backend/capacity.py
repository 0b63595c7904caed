"""The fault `capacity`: a queue of known capacity in front of the application, first come, first served.

Places and ends are planned on the queue's own clock: a place is taken over at the moment it became free, however late
the event loop notices. So lateness adds to a single response time and never to the next one, and what the queue can
serve in a second is exactly servers ÷ service time.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Clock = Callable[[], float]


class CapacityQueue:
    """So many servers, each of which needs exactly `service_s` for a request; the requests that wait for one."""

    def __init__(self, servers: int, service_s: float, clock: Clock = time.perf_counter) -> None:
        self._service_s = service_s
        self._clock = clock
        self._free_at = [-float("inf")] * servers
        self._waiting: deque[tuple[float, asyncio.Future[float]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def join(self) -> asyncio.Future[float]:
        """Return when its service ends, by the clock, once it has begun. Cancel it to leave the queue."""
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._clock(), turn))
        self.advance()
        return turn

    def advance(self) -> None:
        """Give the servers that are free by now to those that wait, and come again when the next one is."""
        now = self._clock()
        while self._waiting and (self._free_at[0] <= now or self._waiting[0][1].done()):
            came_at, turn = self._waiting.popleft()
            if not turn.done():  # else it was cancelled
                ends_at = max(came_at, self._free_at[0]) + self._service_s
                heapq.heapreplace(self._free_at, ends_at)
                turn.set_result(ends_at)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._free_at[0] - now, self.advance)

    async def serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer when it is this request's turn, and send the answer when its service ends.

        Who disconnects while waiting leaves the queue and is not served at all; later on, the server stays taken.
        """
        messages: asyncio.Queue[Message] = asyncio.Queue()
        gone = asyncio.ensure_future(_listen(receive, messages))
        turn = self.join()
        try:
            await asyncio.wait((turn, gone), return_when=asyncio.FIRST_COMPLETED)
            if turn.done():
                await app(scope, messages.get, self._held(turn.result(), send))
        finally:
            turn.cancel()
            gone.cancel()

    def _held(self, ends_at: float, send: Send) -> Send:
        async def held_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(ends_at - self._clock())
            await send(message)

        return held_send


async def _listen(receive: Receive, messages: asyncio.Queue[Message]) -> None:
    """Pass on what the client sends, and end when it is gone."""
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
        messages.put_nowait(message)
