"""One thin way to a JSON server: put questions, get what was read of the answers or the reason why there is none.

    pause after attempt k = Retry-After + U(0, min(30, 2^k / 2)) seconds, k = 0, 1, ...       (full jitter)
    an item's attempts and pauses together end at its deadline, by cancellation, whatever the socket does

A server that answered before and refuses connections now is being restarted, as a rule: it is tried until the deadline,
every few seconds, and then the audit ends; one that never answered is given up after `retries`. Every attempt passes
the gate of `meter`, which keeps to limits a minute and to a budget, and counts what the server says it took.

All calls run in an event loop in a thread of its own, so that callers in any thread, or inside another loop, just wait.
The address is hostile input: no redirect, no proxy, and the peer that was really reached is checked before a byte is
sent. What an answer gives the address of is fetched from the server itself, with the key, or from hosts that the plan
names, without it. An answer that holds the key, in whatever form, is not kept.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import random
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx2

from audit.ask import Account
from audit.errors import EndpointError
from audit.models.remote.addresses import followed, forbidden
from audit.models.remote.meter import Call, Clock, LoopClock, Meter, Terms, bound_of
from audit.models.remote.pace import retry_after
from audit.models.remote.secret import Key
from audit.models.remote.wire import Elsewhere, Question, WireError
from detectors.immutable import immutable

__all__ = ["Failure", "Transport"]

_BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses of a server that may answer if asked again."""
_CONNECT_SECONDS = 10.0
_RESTART_PAUSE = 5.0
"""Longest pause before a server that may be restarting is tried again."""
_LONGEST_PAUSE = 30.0
_MAX_BYTES = 32 << 20
_THERE = "what lies at the address in the answer"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_T = TypeVar("_T")


@immutable
class Failure:
    """A question that brought no answer."""

    problem: str
    """One line, e.g. `no answer within 60 s`."""


class _AttemptError(Exception):
    """An attempt failed in a way that the next may not."""

    def __init__(self, problem: str, *, after: float = 0.0, unreachable: bool = False) -> None:
        super().__init__(problem)
        self.after = after
        """Seconds that the server asks to wait."""
        self.unreachable = unreachable


class Transport:
    """Asks the server at `url`; safe to use from several threads.

    Arguments:
        url: base address without trailing slash.
        key: sent as bearer token, or None.
        key_name: what messages call the key, its environment variable.
        concurrency: questions in flight at once, over all threads.
        timeout: seconds that one question may take, attempts and pauses together.
        retries: attempts after the first; not counted where a server that answered before refuses connections.
        follow: further hosts from which what an answer gives the address of is fetched.
        terms: limits a minute, price and budget, over all threads.
        account: takes down what the server took; a new one where none is given.
        clock: what pauses and slots are waited for by; the loop's own where none is given.
    """

    def __init__(
        self, url: str, key: Key | None, *, key_name: str, concurrency: int, timeout: float, retries: int,
        follow: Sequence[str] = (), terms: Terms | None = None, account: Account | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.url, self._follow = url, follow
        self.account, self._clock = account or Account(), clock or LoopClock()
        self._meter = Meter(url, terms or Terms(), self.account, longest_hold=timeout, clock=self._clock)
        self._key, self._key_name = key, key_name
        self._timeout, self._retries = timeout, retries
        self._reached = False
        self._slots = asyncio.Semaphore(concurrency)
        self._jitter = random.SystemRandom()
        self._client = httpx2.AsyncClient(
            headers={"Accept-Encoding": "identity", "User-Agent": "dokimasia"},
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=concurrency),
            trust_env=False,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_serve, args=[self._loop], name="dokimasia-endpoint", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, _end, self._client, self._loop)

    def ask(
        self, questions: Sequence[Question[_T]], each: Callable[[int, _T], None] | None = None
    ) -> list[_T | Failure]:
        """Return, in order, what was read of each answer, or a Failure; `each` is handed (position, answer) at once.

        Raises EndpointError at once, giving up the rest, where asking on is in vain: the server cannot be reached,
        denies access, redirects, or lies where no plan may reach.
        """
        return self._run(self._all(questions, each))

    def close(self) -> None:
        """Close the connections and end the thread; a second call does nothing, and nobody has to make the first."""
        self._end()
        self._thread.join()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # an interrupt of the waiting thread has to end the calls as well
            future.cancel()
            raise

    async def _all(
        self, questions: Sequence[Question[_T]], each: Callable[[int, _T], None] | None
    ) -> list[_T | Failure]:
        async def told(position: int, question: Question[_T]) -> _T | Failure:
            answer = await self._one(question)
            if each is not None and not isinstance(answer, Failure):
                each(position, answer)
            return answer

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(told(*one)) for one in enumerate(questions)]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _one(self, question: Question[_T]) -> _T | Failure:
        """Return the answer, or a Failure once the time is used up; EndpointError where nobody was there to the end."""
        errors: list[_AttemptError] = []
        bound = bound_of(question.body)
        async with self._slots:
            call = await self._meter.enter(bound)  # an item's time begins when it may be sent
            deadline = self._loop.time() + self._timeout
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._persist(question, call, errors, deadline)
            except TimeoutError:
                if errors and errors[-1].unreachable:
                    raise EndpointError(
                        f"{self.url}: {errors[-1]}, {len(errors)} attempts in {self._timeout:g} s"
                    ) from None
                last = f" (last: {errors[-1]})" if errors else ""
                return Failure(f"no answer within {self._timeout:g} s{last}")

    async def _persist(
        self, question: Question[_T], call: Call, errors: list[_AttemptError], deadline: float
    ) -> _T | Failure:
        """Ask until answered or `_last` says enough; TimeoutError where a pause would outlast the deadline."""
        while True:
            try:
                return await self._attempt(question, call)
            except _AttemptError as error:
                errors.append(error)
            finally:
                call.leave()
            if self._last(errors):
                problem = f"{errors[-1]}, {len(errors)} attempts"
                if errors[-1].unreachable:
                    raise EndpointError(f"{self.url}: {problem}")
                return Failure(problem)
            most = _RESTART_PAUSE if errors[-1].unreachable else _LONGEST_PAUSE
            pause = errors[-1].after + self._jitter.uniform(0, min(most, 2.0 ** min(len(errors) - 1, 9) / 2))
            if self._loop.time() + pause >= deadline:
                raise TimeoutError
            await self._clock.until(self._clock.time() + pause)
            call = await self._meter.enter(call.bound)

    def _last(self, errors: Sequence[_AttemptError]) -> bool:
        """Tell whether to give up: refused connections do not count where the server was there before."""
        if errors[-1].unreachable and self._reached:
            return False
        return sum(not (one.unreachable and self._reached) for one in errors) > self._retries

    async def _attempt(self, question: Question[_T], call: Call) -> _T | Failure:
        response, content = await self._posted(question, call)
        self._reached = True
        if response.status_code != 200:
            return self._refused(response, content or b"")
        answer = None
        try:
            answer = json.loads(content or b"")
            shown = json.dumps(answer, ensure_ascii=False)
        except (ValueError, RecursionError):
            if content is None:
                return Failure(f"answer longer than {_MAX_BYTES >> 20} MiB")
            raise _AttemptError("answer is no JSON") from None
        finally:
            call.took(answer)
        if self._key and self._key.is_in(shown):
            return Failure("answer holds the key; it is not kept")
        if not isinstance(answer, dict):
            return Failure("answer is no JSON object")
        try:
            found = question.read(answer)
            return await self._fetched(found) if isinstance(found, Elsewhere) else found
        except WireError as error:
            return Failure(str(error))

    async def _posted(self, question: Question[Any], call: Call) -> tuple[httpx2.Response, bytes | None]:
        """Return what came back as `_sent` does; a question that got lost on the way may have been answered."""
        try:
            response, content = await self._sent("POST", self.url + question.path, own=True, json=question.body)
        except (_AttemptError, asyncio.CancelledError) as error:
            if not getattr(error, "unreachable", False):
                call.took(None)
            raise
        self._meter.heard(response.headers, call.bound)
        return response, content

    async def _sent(self, method: str, url: str, *, own: bool, **body: Any) -> tuple[httpx2.Response, bytes | None]:
        """Return an answer and its body, None where that is too long; only the server's `own` addresses get the key."""
        key = self._key if own else None
        body |= {"headers": key.header() if key else {}, "extensions": {"trace": partial(self._check_peer, key)}}
        try:
            async with self._client.stream(method, url, **body) as response:
                return response, await _capped(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise _AttemptError(f"cannot connect ({str(error) or type(error).__name__})", unreachable=True) from None
        except httpx2.TransportError as error:
            raise _AttemptError(f"connection lost ({type(error).__name__})") from None

    async def _fetched(self, elsewhere: Elsewhere[_T]) -> _T | Failure:
        """Return what was read of that which an answer gives the address of; raises WireError."""
        try:
            url, own = followed(elsewhere.url, self.url, self._follow)
            httpx2.URL(url)  # what the client itself takes for no address, such as one with control characters
        except (httpx2.InvalidURL, UnicodeError):
            return Failure("answer with an address that is none")
        except ValueError as error:
            return Failure(f"answer with {error}")
        try:
            response, content = await self._sent("GET", url, own=own)
        except _AttemptError as error:
            raise _AttemptError(f"{_THERE}: {error}") from None
        except EndpointError as error:
            return Failure(f"{_THERE}: {error}")
        if content is None:
            return Failure(f"{_THERE} is longer than {_MAX_BYTES >> 20} MiB")
        if response.status_code in _BUSY:
            raise _AttemptError(f"{_THERE}: HTTP {response.status_code}")
        if response.status_code != 200:
            return Failure(f"{_THERE}: HTTP {response.status_code}")
        return elsewhere.read(content)

    def _refused(self, response: httpx2.Response, content: bytes) -> Failure:
        """Return the Failure of this one question, or raise what the status says of the next attempt or of all."""
        status = response.status_code
        if status in _BUSY:
            raise _AttemptError(f"HTTP {status}", after=retry_after(response.headers.get("retry-after", "")))
        if status in (401, 403):
            raise EndpointError(f"{self.url}: access denied (HTTP {status}); the key comes from {self._key_name}")
        said = f"HTTP {status}: {self._line(content)}"
        if status == 404:
            raise EndpointError(f"{self.url}: no such address or model ({said})")
        if response.is_redirect:
            raise EndpointError(f"{self.url}: HTTP {status} redirects, which is not followed; give the final address")
        return Failure(said)

    def _line(self, content: bytes) -> str:
        """Return the start of an error's body as one line of printable characters, without the key."""
        text = content.decode("utf-16" if content[:2] in _UTF_16 else "utf-8", "replace")
        text = (text if self._key is None else self._key.redact(text))[:2000]
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200] or "no message"

    async def _check_peer(self, key: Key | None, event: str, info: dict[str, Any]) -> None:
        """Close a new connection, before anything is sent over it, where the peer is one that no plan may reach."""
        if event != "connection.connect_tcp.complete":
            return
        stream = info["return_value"]
        host = ipaddress.ip_address(stream.get_extra_info("server_addr")[0].partition("%")[0])
        why = forbidden(host)
        if why is None and key and self.url.startswith("http:") and host.is_global:
            why = "public and the line not encrypted, so the key could be read on the way; use https"
        if why is not None:
            await stream.aclose()
            raise EndpointError(f"{self.url}: {host} is {why}")


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _end(client: httpx2.AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop close the client and stop; waits for neither, as collection may happen in its own thread."""

    async def finish() -> None:
        await client.aclose()
        loop.call_soon(loop.stop)

    asyncio.run_coroutine_threadsafe(finish(), loop)


async def _capped(response: httpx2.Response) -> bytes | None:
    """Return the body, None where it exceeds the cap; raw, so that no compressed answer can swell."""
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > _MAX_BYTES:
            return None
    return bytes(content)
