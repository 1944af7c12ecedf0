"""An OpenAI-compatible server over a folder of weights: it answers truly, and fails when told to.

    with serve(folder, faults=["429", "cut"]) as server:      # the first two requests fail, later ones do not
        server.url, server.requests                           # base address; requests so far
        server.always = "silent"                              # from now on every request fails
        server.swap(other_folder)                             # another model answers under the same name

Faults: a status (`429`), one with Retry-After seconds (`429+1`) or an HTTP date (`503+date`), and the keys of `FAULTS`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import itertools
import json
import random
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import torch
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from transformers import AutoModelForCausalLM, AutoTokenizer


class LanguageModel:
    """A model folder as a server sees it: ids in, ids and their log-probabilities out."""

    def __init__(self, folder: Path) -> None:
        self.answered: dict[str, str] = {}
        torch.set_num_threads(1)  # more only get in each other's way in a model this small
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, dtype=torch.float32).eval()

    def ids(self, text: str, *, special: bool = True) -> list[int]:
        return self.tokenizer(text, add_special_tokens=special).input_ids or [self.tokenizer.eos_token_id]

    def chat_ids(self, messages: list[dict]) -> list[int]:
        text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return self.ids(text, special=False)

    @torch.inference_mode()
    def log_probs(self, ids: list[int]) -> list[float | None]:
        """log p of every token given those before it; the first has none."""
        table = self.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        return [None, *(float(table[i, token]) for i, token in enumerate(ids[1:]))]

    @torch.inference_mode()
    def generate(self, ids: list[int], body: dict) -> tuple[list[int], str, str]:
        """(new ids, their text without the stop string, finish reason)."""
        generator = torch.Generator().manual_seed(body.get("seed") or 0)
        temperature, stops = body.get("temperature", 1), body.get("stop") or []
        new: list[int] = []
        for _ in range(body.get("max_tokens", 16)):
            logits = self.model(torch.tensor([ids + new])).logits[0, -1]
            if temperature == 0:
                token = int(logits.argmax())
            else:
                token = int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator))
            if token == self.tokenizer.eos_token_id:
                return new, self.text(new), "stop"
            new.append(token)
            text = self.text(new)
            cuts = [text.index(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop in text]
            if cuts:
                return new, text[: min(cuts)], "stop"
        return new, self.text(new), "length"

    def text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def columns(self, ids: list[int], log_probs: list[float | None], skip: int) -> dict:
        """The `logprobs` object of a completion, from token `skip` on; offsets count characters, not bytes."""
        places = [len(self.text(ids[:i]).rstrip("\ufffd")) for i in range(len(ids))]
        return {
            "tokens": [self.text([token]) for token in ids[skip:]],
            "token_logprobs": log_probs[skip:],
            "text_offset": places[skip:],
            "top_logprobs": None,
        }


opened = functools.lru_cache(maxsize=4)(LanguageModel)
"""Weights are loaded once, and an equal question is worked out once, by whatever server it is asked of."""
FILLERS = [" sure", " okay", " indeed", " well", " right", " yes", " hm", " so"]


@dataclass
class StubServer:
    """What a test holds of the running server."""

    folder: Path
    faults: Sequence[str] = ()
    """What goes wrong with the first requests, one each."""
    always: str | None = None
    """What goes wrong with all others."""
    echo: bool = True
    """Whether a completion can return its prompt."""
    logprobs: bool = True
    """Whether any log-probabilities are returned."""
    chat: bool = True
    """Whether there is a chat form."""
    key: str | None = None
    """The only bearer token let in; absent: anybody."""
    name: str | None = None
    """What it calls itself; absent: whatever it is asked for."""
    system_fingerprint: str | None = None
    vary: float = 0
    """Share of answers that end in a filler word, as batched servers are not equal to the bit at temperature 0."""
    url: str = ""
    bodies: list[dict] = field(default_factory=list)
    """The questions so far."""
    most_at_once: int = 0
    wait_for: int = 1
    """How many requests must have been under way together before any is answered."""

    def __post_init__(self) -> None:
        self._now, self._lock, self.faults = 0, threading.Lock(), list(self.faults)
        self._chance = random.Random(1)
        self.swap(self.folder)

    @property
    def requests(self) -> int:
        return len(self.bodies)

    def swap(self, folder: Path) -> None:
        self._lm = opened(folder)

    async def answer_models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": self.name or "any", "object": "model"}]})

    async def answer_completions(self, request: Request) -> Response:
        return await self._respond(request, self._complete)

    async def answer_chat(self, request: Request) -> Response:
        return await self._respond(request, self._converse) if self.chat else _status("404", request)

    async def _respond(self, request: Request, truth) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            for _ in range(30_000):  # for ever, but for a client that sends one after another
                if self.most_at_once >= self.wait_for:
                    break
                await asyncio.sleep(0.001)
            fault = self.faults.pop(0) if self.faults else self.always
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                fault = "401"
            if fault is not None and re.match(r"\d{3}", fault):
                return _status(fault, request)
            answer = await run_in_threadpool(self._true_answer, truth, body)
            return await FAULTS[fault](answer, request) if fault is not None else JSONResponse(answer)
        finally:
            self._now -= 1

    def _true_answer(self, truth, body: dict) -> dict:
        with self._lock:
            origin = {"model": self.name or body["model"], "system_fingerprint": self.system_fingerprint}
            asked = json.dumps([truth.__name__, self.echo, self.logprobs, body])
            if asked not in self._lm.answered:
                self._lm.answered[asked] = json.dumps(truth(body))
            return {"id": "1", "created": 0, **origin, **self._varied(json.loads(self._lm.answered[asked]))}

    def _varied(self, answer: dict) -> dict:
        choice = answer["choices"][0]
        if self._chance.random() < self.vary and not choice.get("logprobs"):
            holder, key = (choice["message"], "content") if "message" in choice else (choice, "text")
            holder[key] += self._chance.choice(FILLERS)
        return answer

    def _complete(self, body: dict) -> dict:
        lm, prompt = self._lm, body["prompt"]
        ids = lm.ids(prompt)
        new, text, finish = lm.generate(ids, body)
        echo, logprobs = body.get("echo") and self.echo, None
        if body.get("logprobs") is not None and self.logprobs:
            logprobs = lm.columns(ids + new, lm.log_probs(ids + new), 0 if echo else len(ids))
        choice = {"index": 0, "text": prompt * bool(echo) + text, "finish_reason": finish, "logprobs": logprobs}
        return {"object": "text_completion", "choices": [choice], "usage": _usage(ids, new)}

    def _converse(self, body: dict) -> dict:
        lm = self._lm
        ids = lm.chat_ids(body["messages"])
        new, text, finish = lm.generate(ids, body)
        logprobs = None
        if body.get("logprobs") and self.logprobs:
            values = lm.log_probs(ids + new)[len(ids) :]
            logprobs = {"content": [{"token": lm.text([i]), "logprob": v} for i, v in zip(new, values, strict=True)]}
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": logprobs}
        return {"object": "chat.completion", "choices": [choice], "usage": _usage(ids, new)}


def _usage(ids: list[int], new: list[int]) -> dict:
    return {"prompt_tokens": len(ids), "completion_tokens": len(new), "total_tokens": len(ids) + len(new)}


def _status(fault: str, request: Request) -> Response:
    """`429`, `429+1`, `503+date`, `429-20s` (none is left for so long).

    Every error quotes the key that it got, as careless servers do."""
    code, _, after = fault.partition("+")
    code, _, reset = code.partition("-")
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    headers = {"retry-after": soon if after == "date" else after} if after else {}
    if reset:
        headers |= {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}
    if code.startswith("3"):
        headers["location"] = "http://127.0.0.1:9/elsewhere"
    message = f"refused for {request.headers.get('authorization')}\n\x1b[31m"
    return JSONResponse({"error": {"message": message}}, int(code), headers)


def _edited(change):
    """A fault that sends the true answer after `change` was made to it."""

    async def send(answer: dict, request: Request) -> Response:
        change(answer)
        return JSONResponse(answer)

    return send


def _usage_of(said: str):
    """A fault that sends the true answer with such a number of tokens."""
    return _edited(lambda answer: answer["usage"].update(prompt_tokens=json.loads(said), completion_tokens=0))


def _token_log_probs(change):
    """A fault that sends the true answer but for its log-probabilities, where it has some."""

    def put(answer: dict) -> None:
        if told := answer["choices"][0]["logprobs"]:
            told["token_logprobs"] = change(told["token_logprobs"])

    return _edited(put)


async def _cut(answer: dict, request: Request) -> Response:
    whole = json.dumps(answer)
    return Response(whole[: len(whole) // 2], media_type="application/json")


async def _closed(answer: dict, request: Request) -> Response:
    """Promises more than it sends, upon which the socket is closed."""
    return Response(b'{"choices"', headers={"content-length": "1000"})


async def _silent(answer: dict, request: Request) -> Response:
    """Says nothing until the client is gone, half a minute at most."""
    end = time.monotonic() + 30
    while time.monotonic() < end and not await request.is_disconnected():
        await asyncio.sleep(0.02)
    return JSONResponse(answer)


async def _slow(answer: dict, request: Request) -> Response:
    """A byte now and then, so that no single read ever times out."""

    async def drip() -> AsyncIterator[bytes]:
        for byte in json.dumps(answer).encode():
            yield bytes([byte])
            await asyncio.sleep(0.1)

    return StreamingResponse(drip())


async def _huge(answer: dict, request: Request) -> Response:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * (1 << 20)

    return StreamingResponse(flood())


async def _list(answer: dict, request: Request) -> Response:
    return JSONResponse([answer])


def _holding(dress):
    """A fault that says the key which it got, dressed up, in the place of the text."""

    async def send(answer: dict, request: Request) -> Response:
        choice, key = answer["choices"][0], request.headers["authorization"].removeprefix("Bearer ")
        choice["message" if "message" in choice else "text"] = {"content": "KEY"} if "message" in choice else "KEY"
        body = json.dumps(answer).replace("KEY", dress(key))
        return Response(body.encode("utf-16" if dress is str else "utf-8"), media_type="application/json")

    return send


DRESSES = {
    "slashes": lambda key: key.replace("/", "\\/"),
    "unicode": lambda key: "".join(f"\\u{ord(one):04x}" for one in key),
    "twice": lambda key: "".join(f"\\\\u{ord(one):04x}" for one in key),
    "base64": lambda key: base64.b64encode(f"Bearer {key}; ".encode()).decode(),
    "urlsafe": lambda key: base64.urlsafe_b64encode(f"x{key}?".encode()).decode(),
    "percent": lambda key: "".join(f"%{ord(one):02X}" for one in key),
    "hex": lambda key: key.encode().hex().upper(),
    "spaced": " ".join,
    "lines": "\\n".join,
    "html": lambda key: "".join(f"&#x{ord(one):x};" for one in key),
    "utf16": str,
}
UNLIKE = map(str, itertools.count())
FAULTS = {
    "closed": _closed,
    "cut": _cut,
    "huge": _huge,
    "list": _list,
    "silent": _silent,
    "slow": _slow,
    "filtered": _edited(lambda answer: answer["choices"][0].update(finish_reason="content_filter")),
    "no_choices": _edited(lambda answer: answer.update(choices=[])),
    "no_logprobs": _edited(lambda answer: answer["choices"][0].update(logprobs=None)),
    "null_logprobs": _token_log_probs(lambda values: [None] * len(values)),
    "no_usage": _edited(lambda answer: answer.pop("usage")),
    **{f"usage {said}": _usage_of(said) for said in ("-5", "1e40", '"9"', "true", "null", "1000000000", "0")},
    "other_name": _edited(lambda answer: answer.update(model="somebody-else")),
    "unseeded": _edited(lambda answer: answer["choices"][0].update(text=next(UNLIKE))),
    "unequal": _token_log_probs(lambda values: values[:-1]),
    "zeros": _token_log_probs(lambda values: [0.0] * len(values)),
    **{f"key as {name}": _holding(dress) for name, dress in DRESSES.items()},
}


@contextlib.contextmanager
def serve(folder: Path, **options) -> Iterator[StubServer]:
    """Run the server in a thread on a free port until the block ends; the options are the fields above."""
    stub = StubServer(folder, **options)
    routes = [
        Route("/v1/models", stub.answer_models),
        Route("/v1/completions", stub.answer_completions, methods=["POST"]),
        Route("/v1/chat/completions", stub.answer_chat, methods=["POST"]),
    ]
    with running(routes) as stub.url:
        yield stub


@contextlib.contextmanager
def running(routes: Sequence[Route]) -> Iterator[str]:
    """Answer these routes in a thread until the block ends; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the kernel holds each answer back for 40 ms
    settings = {"log_config": None, "lifespan": "off", "ws": "none", "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), **settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextlib.contextmanager
def answering(decide: Callable[[str], str]) -> Iterator[str]:
    """Run a server that answers each user turn of a chat as `decide` does, until the block ends; yields its address."""

    async def converse(request: Request) -> Response:
        body = await request.json()
        message = {"role": "assistant", "content": decide(body["messages"][-1]["content"])}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse({"id": "1", "created": 0, "model": body["model"], "choices": [choice]})

    with running([Route("/v1/chat/completions", converse, methods=["POST"])]) as url:
        yield url
