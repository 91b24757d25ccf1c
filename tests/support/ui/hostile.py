"""A workspace in which everything that others wrote is hostile: a model's answers, logs, names, reasons."""

from __future__ import annotations

import json

from cockpit.contract import atomic
from tests.support.ui.stage import Stage, answer_row

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\x1b[?1049l\x1bP+q544e\x1b\\\x9b5A\x85\x8d"
HIDDEN = "\u202egnp.exe\u202c\u2066x\u2069\u200b\u2060\ufeff\U000e0041 \x00\x08\x7f\x0b\x0c"
MARKUP = "[bold red]not bold[/] [link=http://x]y[/link] [@click=app.quit]no[/] :bomb: {0} %s \\[x"
WIDE = "日本語テキスト 한국어 🧨👩‍👩‍👧 ｆｕｌｌ é̂̃̄̅̆̇ नमस्ते"
LINES = "one\r\ntwo\rthree\u2028four\tfive"
ALL = f"{ESCAPES} {HIDDEN} {MARKUP} {WIDE} {LINES}"
LONG = ALL + " long " + "x" * 10_000
GARBAGE = bytes(range(256)) * 4 + b"\xff\xfe\xc3\x28\xed\xa0\x80"
OWNED = ("\x1b]0;owned", "\x1b[2J\x1b[31mred", "\x1b[?1049l\x1bP", "\x9b5A", "\u202e", "\u2066", "\u200b")
"""What none of it may make of the bytes that go to the terminal."""


def hostile(stage: Stage) -> None:
    """One baseline and one run that goes on, hostile in every text that the cockpit shows."""
    stage.layout.config.write_text(
        f"name = {json.dumps('ws ' + ALL)}\n[model]\nname_or_path = {json.dumps('m ' + ALL)}\n"
        '[data]\ntrain = "train.jsonl"\nmini_eval = "mini.jsonl"\nheld_out = "held_out.jsonl"\n'
        '[verifier]\nspec = "tagged:answer"\n'
    )
    stage.baseline()
    out, clock, layout = stage.experiment(
        "exp_0001", "grpo", parent="exp_0000", lora=True, hypothesis=LONG, ago=120
    )
    recipe = json.loads(layout.recipe.read_text())
    recipe["trainer"][ALL] = LONG
    recipe[ALL] = {ALL: [ALL]}
    atomic.write_json(layout.recipe, recipe)
    out.stage(ALL, detail=ALL)  # type: ignore[arg-type]
    out.notice("warning", LONG)
    out.notice(ALL, ALL)  # type: ignore[arg-type]
    texts = {"prompt": LONG, "completion": LONG, "answer": ALL, "why": ALL, "parsed": ALL}
    rows = [answer_row(ALL, n, n % 2 == 0, 10) | texts for n in range(6)]
    rows.append({"prompt": [{"role": ALL, "content": LONG}], "completion": None, "answer": 3, "score": "x"})
    train = [
        row | {"split": "train", "group": ALL, "rewards": {ALL: 1.0, "b": float("nan")}} for row in rows[:6]
    ]
    for step in range(1, 21):
        clock.now += 5
        out.metrics(step, {"loss": 1 / step, "reward": step / 20, ALL: step, "kl": float("nan")})
        if step % 10 == 0:
            items = out.samples(step, "eval", rows)
            out.samples(step, "train", train)
            out.layout.checkpoint(step).mkdir(parents=True)
            out.event("checkpoint", step=step, path=ALL, best=True, reason=ALL)
            out.mid_eval(
                step, 0.5, passed=5, parsed=9, n=10, best=True, best_score=0.5, best_step=step, items=items
            )
    out.event(
        "finding", rule=ALL, severity="alarm", headline=LONG, evidence=[ALL, LONG], next_step=ALL, source=ALL
    )
    layout.log.parent.mkdir(parents=True, exist_ok=True)
    text = f"{ALL}\n{LONG}\nError: {ALL}\n".encode("utf-8", "surrogatepass")
    layout.log.write_bytes(GARBAGE + b"\n" + text + b"\x1b[999;999H\x1b[6n half a line \xe6\x97")
    with layout.events.open("ab") as events:
        events.write(b'{"half": "\x1b]0;owned\n' + GARBAGE + b"\n")
    stage.process(layout, started=stage.now - 120)
    stage.layout.methodlog.write_bytes(f"# {ALL}\n- {LONG}\n- note · {ALL}\n".encode() + GARBAGE)
    stage.draft("exp_0002", "sft", parent="exp_0001", hypothesis=ALL)
