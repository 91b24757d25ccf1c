"""A stand-in of the HTTP interface that ART's ServerlessBackend 0.5.18 speaks, with a policy that really learns.

The policy knows three answers; a training job moves their logits by what the trajectories' rewards say of them.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWERS = ("<answer>7</answer>", "<answer>3</answer>", "I do not know.")


class Service:
    """`calls` counts the requests; `slow`: seconds that an answer takes; `broken`: every so many answers fail."""

    def __init__(self) -> None:
        self.logits = [0.0, 0.5, 0.5]  # greedy, it is wrong at first
        self.kept: list[list[float]] = []
        self.calls: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.models: list[str] = []
        self.groups: list[list[Any]] = []
        self.slow = 0.0
        self.random = random.Random(0)
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.keys.add(str(self.headers.get("authorization")))
                path = self.path.removeprefix("/v1/").partition("?")[0]
                if path == "chat/completions":
                    time.sleep(outer.slow)
                with outer.lock:
                    code, said = outer.answer(path, json.loads(body) if body else {})
                data = json.dumps(said).encode()
                self.send_response(code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.calls[path] += 1
        if path == "preview/models":
            made = {"id": "m1", "entity": "us", "run_id": None, "project": body["project"]}
            return 200, made | {"name": body["name"], "base_model": body["base_model"]}
        if path == "preview/models/m1/checkpoints":
            steps = [{"id": f"c{n}", "step": n, "metrics": {}} for n in range(len(self.kept), 0, -1)]
            return 200, {"data": steps[:1], "has_more": False}
        if path == "preview/training-jobs":
            return 200, {"id": self.learn(body)}
        if path.startswith("preview/training-jobs/"):
            told = ({"num_sequences": 1}, {"loss": 0.5, "kl_div": 0.01, "grad_norm": 1.0}, {})
            kinds = ("training_started", "gradient_step", "training_ended")
            events = [{"id": k, "type": k, "data": d} for k, d in zip(kinds, told, strict=True)]
            return 200, {"data": events, "has_more": False}
        if path == "chat/completions":
            return 200, self.say(body)
        return 404, {"error": {"message": f"no such path: {path}"}}

    def learn(self, body: dict[str, Any]) -> str:
        push: dict[int, float] = defaultdict(float)
        for group in body["trajectory_groups"]:
            trajectories = group["trajectories"]
            self.groups.append(trajectories)
            mean = sum(one["reward"] for one in trajectories) / len(trajectories)
            for one in trajectories:
                choice = one["messages_and_choices"][-1]  # the choice as it came, logprobs included
                assert choice["logprobs"]["content"]
                push[ANSWERS.index(choice["message"]["content"])] += one["reward"] - mean
        self.logits = [logit + push[at] for at, logit in enumerate(self.logits)]
        self.kept.append(self.logits)
        return f"j{len(self.kept)}"

    def say(self, body: dict[str, Any]) -> dict[str, Any]:
        self.models.append(body["model"])
        step = body["model"].partition(":step")[2]
        logits = self.kept[int(step) - 1] if step else self.logits
        if body["temperature"] == 0:
            at = max(range(len(logits)), key=logits.__getitem__)
        else:
            at = self.random.choices(range(len(logits)), [math.exp(x / body["temperature"]) for x in logits])[
                0
            ]
        token = {"token": ANSWERS[at], "logprob": -1.0, "bytes": None, "top_logprobs": []}
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": ANSWERS[at]},
            "logprobs": {"content": [token], "refusal": None},
        }
        return {"id": "a", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
