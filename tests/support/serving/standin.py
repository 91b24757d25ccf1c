"""Stands in for `vllm serve` 0.30 in the fast suite: the same paths, codes and messages, and the same traps.

It is started by the real keeper with the real arguments, and like the real one it is several processes: an engine that
loses its environment (vLLM writes process titles over it) and stays when the process that answers is killed. What it
answers is no language: it ends every answer at once, with the id after the prompt's last one before that. The same
tests run against it and against a real server (contract.py).

STANDIN, in the environment: `crash` ends at the start, with a traceback; `broken` starts and can't answer; `deaf` stops
answering /health once it was well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

END = 284
"""The tiny model's end token."""
ENGINE = "import time, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class State:
    """What a server holds."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.adapters: dict[str, str] = {}
        self.key = os.environ["VLLM_API_KEY"]
        self.how = os.environ.get("STANDIN", "")
        self.asked = 0

    def models(self) -> dict[str, Any]:
        base = {"id": "base", "root": self.options.model, "parent": None}
        loaded = [{"id": name, "root": root, "parent": "base"} for name, root in self.adapters.items()]
        return {"object": "list", "data": [base, *loaded]}

    def load(self, body: dict[str, Any]) -> tuple[int, Any]:
        name, path = body["lora_name"], Path(body["lora_path"])
        if name in self.adapters:
            return (
                400,
                f"The lora adapter '{name}' has already been loaded. If you want to load the adapter in place",
            )
        try:
            config = json.loads((path / "adapter_config.json").read_text())
        except OSError:
            return 404, f"Loading lora {name} failed: No adapter found for {path}"
        if config["r"] > self.options.max_lora_rank:
            return 500, f"LoRA rank {config['r']} is greater than max_lora_rank {self.options.max_lora_rank}."
        weights = (path / "adapter_model.safetensors").read_bytes()
        if int.from_bytes(weights[:8], "little") + 8 > len(weights):
            return 500, "Error while deserializing header: incomplete metadata, file not fully covered"
        self.adapters[name] = str(path)
        return 200, None

    def unload(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.adapters.pop(body["lora_name"], None) is None:
            return 404, f"The lora adapter '{body['lora_name']}' cannot be found."
        return 200, None

    def complete(self, body: dict[str, Any]) -> tuple[int, Any]:
        name = body["model"]
        if name != "base" and name not in self.adapters:
            return 404, f"The model `{name}` does not exist."
        if self.how == "broken":
            return 500, "EngineCore encountered an issue. See stack trace (above) for the root cause."
        if name != "base" and not Path(self.adapters[name]).is_dir():
            os._exit(1)  # the trap: the engine dies of it, and takes the server along
        choices: list[dict[str, Any]] = []
        for index, prompt in enumerate(body["prompt"]):
            total = len(prompt) + body.get("max_tokens", 16)
            if total > self.options.max_model_len:
                return 400, (
                    f"This model's maximum context length is {self.options.max_model_len} tokens. However, you "
                    f"requested {body.get('max_tokens', 16)} output tokens and your prompt contains {len(prompt)}"
                )
            said = [prompt[-1] + 1, END][: body.get("max_tokens", 16)]
            reason = "stop" if said[-1] == END else "length"
            choices.append({"index": index, "text": "", "finish_reason": reason, "token_ids": said})
        return 200, {"object": "text_completion", "model": name, "choices": choices}


class Handler(BaseHTTPRequestHandler):
    """vLLM's answers: an error is `{"error": {"message", "type", "code"}}`, but for the key's."""

    state: State

    def log_message(self, format: str, *args: Any) -> None:
        print(format % args, file=sys.stderr)

    def do_GET(self) -> None:
        if self.path == "/health":
            self.state.asked += 1
            deaf = self.state.how == "deaf" and self.state.asked > 1
            self._send(503 if deaf else 200, None)
        elif self.path == "/version":
            self._send(200, {"version": "0.30.0"})
        elif self._may():
            self._send(200, self.state.models()) if self.path == "/v1/models" else self._send(
                404, "Not Found"
            )

    def do_POST(self) -> None:
        if not self._may():
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers = {
            "/v1/load_lora_adapter": self.state.load,
            "/v1/unload_lora_adapter": self.state.unload,
            "/v1/completions": self.state.complete,
        }
        code, value = answers[self.path](body)
        self._send(code, value)

    def _may(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.state.key}":
            return True
        self._send(401, {"error": "Unauthorized"})
        return False

    def _send(self, code: int, value: Any) -> None:
        if code >= 400 and isinstance(value, str):
            value = {"error": {"message": value, "type": "Error", "param": None, "code": code}}
        text = b"Success" if value is None else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    words = sys.argv[1:]
    words = words[words.index("serve") + 1 :]
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    for name in ("host", "served-model-name", "dtype", "generation-config"):
        parser.add_argument(f"--{name}")
    for name in ("port", "max-model-len", "max-lora-rank", "max-loras"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--enable-lora", action="store_true")
    options = parser.parse_args(words)
    if os.environ.get("STANDIN") == "crash":
        raise RuntimeError("no kernel for \x1b[31mthis\x1b[0m model")
    assert os.environ["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], env={})
    Handler.state = State(options)
    print("made for", hashlib.sha256(options.model.encode()).hexdigest()[:8], flush=True)
    server = ThreadingHTTPServer((options.host, options.port), Handler)

    def end(number: int, frame: object) -> None:
        engine.kill()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    server.serve_forever()
    engine.wait()


if __name__ == "__main__":
    main()
