"""The socket: runs the sandbox in the present event loop, or on a thread of its own for tests."""

from __future__ import annotations

import asyncio
import threading
from typing import IO, TYPE_CHECKING, Any

from aiohttp import web

from px_sandbox.control import PREFIX as CONTROL_PREFIX
from px_sandbox.control import Control
from px_sandbox.misbehaviour import Misbehaviour
from px_sandbox.request_log import RequestLog
from px_sandbox.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

    from px_sandbox.world import World

DEFAULT_KEY = "sandbox-key"
DEFAULT_SCROLL_TTL_SECONDS = 60.0

# Nobody waits for answers of a sandbox that is being stopped.
_SHUTDOWN_SECONDS = 0.05


class SandboxServer:
    """A sandbox that listens; use it as a context manager.

    ``with SandboxServer(world) as sandbox: requests.get(sandbox.url + "/v1/users", ...)``
    """

    def __init__(
        self,
        world: World,
        misbehave: Misbehaviour | Mapping[str, Any] | None = None,
        *,
        api_key: str = DEFAULT_KEY,
        host: str = "127.0.0.1",
        port: int = 0,
        scroll_ttl_seconds: float = DEFAULT_SCROLL_TTL_SECONDS,
        log_file: IO[str] | None = None,
    ) -> None:
        """Serve ``world``; nothing listens before ``start``.

        Args:
            world: The data.
            misbehave: What goes wrong, as an object or as JSON (see ``misbehaviour.py``).
            api_key: The only key that is accepted.
            host: Address to listen on.
            port: Port to listen on; 0 picks a free one.
            scroll_ttl_seconds: A scroll not used for so long is gone.
            log_file: Gets every request as a line of JSON.
        """
        self.world = world
        self.api_key = api_key
        self.host = host
        self.port = port
        self.service = Service(
            world,
            _as_misbehaviour(misbehave),
            api_key=api_key,
            scroll_ttl_seconds=scroll_ttl_seconds,
            log=RequestLog(log_file),
        )
        self._control = Control(self.service)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Base address without a trailing slash; append paths that start with ``/v1``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def requests(self) -> RequestLog:
        """All API requests so far, oldest first."""
        return self.service.requests

    def misbehave(self, misbehaviour: Misbehaviour | Mapping[str, Any] | None = None) -> None:
        """Behave like this from now on; without an argument: well."""
        # The service belongs to the server's thread: no request may see half of a change.
        self._call(lambda: self.service.misbehave(_as_misbehaviour(misbehaviour)))

    def reset(self) -> None:
        """Forget requests and scrolls, and return to the misbehaviour given at the start."""
        self._call(self.service.reset)

    async def listen(self) -> None:
        """Begin to listen in the running event loop."""
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None),
            shutdown_timeout=_SHUTDOWN_SECONDS,
            handle_signals=False,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.service.port = self.port

    async def close(self) -> None:
        """Stop listening in the running event loop."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def start(self) -> Self:
        """Run on a thread with its own event loop; returns once it listens."""
        started = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            loop = asyncio.new_event_loop()
            self._loop = loop
            try:
                loop.run_until_complete(self.listen())
            except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
                failure.append(error)
            started.set()
            if not failure:
                loop.run_forever()
                loop.run_until_complete(self.close())
            loop.close()

        self._thread = threading.Thread(target=run, name="px-sandbox", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            self._thread.join()
            self._thread = self._loop = None
            raise failure[0]
        return self

    def stop(self) -> None:
        """Stop the thread; open connections are closed."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await self._control.handle(request)
        return await self.service.handle(request)

    def _call(self, change: Any) -> None:
        if self._loop is None:
            change()
            return

        async def run() -> None:
            change()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()


def _as_misbehaviour(value: Misbehaviour | Mapping[str, Any] | None) -> Misbehaviour:
    if isinstance(value, Misbehaviour):
        return value
    return Misbehaviour.from_json(value or {})
