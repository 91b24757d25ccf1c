"""A stand-in of Tinker's HTTP interface as its SDK 0.38 speaks it: JSON, and protobuf where the SDK insists on it.

Behind it a model that really learns: a table of logits from the last two tokens to the next one.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from tinker.proto import tinker_public_pb2 as pb


class Service:
    """One model; `calls` counts the requests by path."""

    def __init__(self, vocabulary: int) -> None:
        self.size = vocabulary
        self.table: dict[tuple[int, int], Any] = defaultdict(lambda: np.zeros(vocabulary))
        self.gradient: dict[tuple[int, int], Any] = {}
        self.answers: dict[str, tuple[str, bytes]] = {}
        self.calls: dict[str, int] = defaultdict(int)
        self.keys: set[str] = set()
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.keys.add(str(self.headers.get("x-api-key") or self.headers.get("authorization")))
                kind, data = outer.answer(self.path.split("/v1/")[-1], body)
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: bytes) -> tuple[str, bytes]:
        with self.lock:
            self.calls[path] += 1
            if path == "retrieve_future":
                return self.answers[json.loads(body)["request_id"]]
            now: dict[str, Any] = {
                "create_session": {"type": "create_session", "session_id": "s1"},
                "create_sampling_session": {"type": "create_sampling_session", "sampling_session_id": "p1"},
                "get_info": {
                    "type": "get_info", "model_id": "m1", "model_data": {"model_name": "tiny"}, "is_lora": True,
                },
            }  # fmt: skip
            if path.startswith("samplers/"):
                return "application/json", b'{"sampler_id": "p1", "base_model": "tiny"}'
            if path in now:
                return "application/json", json.dumps(now[path]).encode()
            later = self.later(path, body)
            if later is None:
                return "application/json", b"{}"
            id_ = f"{path}-{self.calls[path]}"
            self.answers[id_] = later
            promise = {"request_id": id_} | ({"sample_sequence_ids": [id_]} if path == "asample" else {})
            return "application/json", json.dumps(promise).encode()

    def later(self, path: str, body: bytes) -> tuple[str, bytes] | None:
        said: dict[str, Any]
        if path == "forward_backward":
            return "application/x-protobuf", self.forward_backward(body)
        if path == "asample":
            return "application/x-protobuf", self.sample(body)
        if path == "create_model":
            said = {"type": "create_model", "model_id": "m1"}
        elif path == "optim_step":
            for key, gradient in self.gradient.items():
                self.table[key] = self.table[key] - 2.0 * gradient
            self.gradient = {}
            said = {"type": "optim_step", "metrics": {}}
        elif path == "save_weights_for_sampler":
            said = {
                "type": "save_weights_for_sampler",
                "path": f"tinker://m1/sampler_weights/{self.calls[path]}",
            }
        elif path == "save_weights":
            said = {"type": "save_weights", "path": "tinker://m1/weights/end"}
        else:
            return None
        return "application/json", json.dumps(said).encode()

    def forward_backward(self, body: bytes) -> bytes:
        request = pb.ForwardBackwardRequest()
        request.ParseFromString(body)
        every: list[Any] = []
        for datum in next(getattr(request, name) for name in ("data", "datums") if hasattr(request, name)):
            ids = np.frombuffer(datum.model_input[0].encoded_text.tokens, dtype=np.int32)
            targets = np.frombuffer(datum.loss_fn_inputs["target_tokens"].dense, dtype=np.int64)
            weights = np.frombuffer(datum.loss_fn_inputs["weights"].dense, dtype=np.float32)
            logprobs = np.zeros(len(ids), dtype=np.float32)
            for at in range(len(ids)):
                key = (int(ids[at - 1]) if at else -1, int(ids[at]))
                chances = np.exp(self.table[key] - self.table[key].max())
                chances /= chances.sum()
                logprobs[at] = np.log(chances[targets[at]])
                chances[targets[at]] -= 1
                self.gradient[key] = self.gradient.get(key, 0) + weights[at] * chances
            every.append(logprobs)
        ends = np.cumsum([0, *(4 * len(one) for one in every)]).astype(np.int64)
        field = pb.BatchedTensor(
            data=b"".join(one.tobytes() for one in every), offsets=ends.tobytes(), dtype=pb.DTYPE_FLOAT32
        )
        record = pb.ArrayRecord(fields={"logprobs": field}, num_datums=len(every))
        return pb.ForwardBackwardOutput(
            loss_fn_output_type="ArrayRecord", loss_fn_outputs=[record], metrics={"loss:sum": 0.0}
        ).SerializeToString()

    def sample(self, body: bytes) -> bytes:
        asked = json.loads(body)  # this request is JSON; only its answer is protobuf
        ids = [token for chunk in asked["prompt"]["chunks"] for token in chunk["tokens"]]
        how, made, why = asked["sampling_params"], [], pb.STOP_REASON_LENGTH
        stops = how.get("stop") or []
        while len(made) < how["max_tokens"]:
            token = int(self.table[(ids[-2], ids[-1])].argmax())
            ids.append(token)
            made.append(token)
            if token in stops:
                why = pb.STOP_REASON_STOP
                break
        sequence = pb.SampledSequence(stop_reason=why, tokens=np.array(made, dtype=np.int32).tobytes())
        return pb.SampleResponse(sequences=[sequence]).SerializeToString()
