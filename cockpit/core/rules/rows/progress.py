"""Rules of what never counts as progress: leaks, training on failures, weights of others, another objective."""

from __future__ import annotations

from cockpit.core.rules.rule import Rule, Threshold

_SOURCE = 'source text, "What never counts as progress"'

ROWS: tuple[Rule, ...] = (
    Rule(
        "eval-in-train",
        "progress",
        "Held-out items stand in the training data: word for word, inside a longer text, or but for a few words.",
        "Take these rows out and train again: a score on items that were trained on says nothing.",
        f"{_SOURCE}, 1: no training on the held-out set, direct or transitive",
        instead="The rows are the cure: `cockpit overlap` names them.",
        offers=("discard",),
    ),
    Rule(
        "eval-in-synthetic",
        "progress",
        "Held-out items have twins in the training data: with other names or numbers, or in other words.",
        "Look at them side by side; take the twins out, or say in the method log where they come from.",
        f'{_SOURCE}, 2: no eval items in "synthetic" data, even renamed',
        instead="The rows are the cure: `cockpit overlap` shows the twins side by side.",
        thresholds={
            "templates": Threshold(
                0.5, "share of the items renamed: both sides come from one set of templates"
            ),
            "many": Threshold(0.01, "share of the items renamed from which on it is a warning"),
        },
    ),
    Rule(
        "trained-on-failures",
        "progress",
        "The rows that an experiment adds lie closer to the items that its parent failed than to those it passed.",
        "Make them anew from failures on a development set: by slice is fine to aim at, by held-out item is not.",
        f"{_SOURCE}, 3: no training data conditioned on per-item eval failures",
        instead="The rows are the cure: `cockpit new --data` takes others.",
        offers=("discard",),
        thresholds={
            "p": Threshold(
                0.001, "Mann-Whitney: items that fail are odd anyway, a mere tendency is no proof"
            ),
            "effect": Threshold(
                0.68, "chance that a failed item is closer to the new rows than a passed one"
            ),
            "items": Threshold(8, "items of either kind at the least"),
        },
    ),
    Rule(
        "untrained-checkpoint",
        "progress",
        "The checkpoint's weights are somebody else's (the parent's, the base's, an instruct model's), or its adapter "
        "does nothing.",
        "Look why nothing was trained (frozen, learning rate 0, wrong folder) and train it again.",
        f"{_SOURCE}, 4: no checkpoint that you didn't train",
        instead="The checkpoint is at fault: `cockpit logs` says what was trained.",
        offers=("discard",),
    ),
    Rule(
        "objective-mismatch",
        "progress",
        "The spot check, or the smoke run, found that what is trained is not what the verifier scores.",
        "Realign the training data's format to what the verifier reads, or change the eval prompt, before anything "
        "else.",
        f"{_SOURCE}, 5",
        instead="The format is the cure: `cockpit realign` writes the rows anew.",
        offers=("spot_check",),
    ),
    Rule(
        "template-drift",
        "progress",
        "The prompt that trains is not, token by token, the prompt that is scored.",
        "Mend the chat template so that a prompt renders alike alone and before an answer.",
        "source text: the same chat template and tokenizer train and serve",
        instead="The template is the cure: `cockpit spot-check` shows both prompts.",
        offers=("stop", "spot_check"),
        by_trainer=True,
    ),
    Rule(
        "export-equals-base",
        "progress",
        "The exported weights are the base's: nothing of the training is in them.",
        "Look whether the adapter was trained at all, and whether its change is larger than the base's numbers "
        "resolve.",
        "unsloth#2009, #2142: a merged model that equals the base",
        instead="The checkpoint is at fault: `cockpit findings` says whether its adapter does anything.",
    ),
    Rule(
        "export-lost",
        "progress",
        "What was exported, loaded by the runtime that it is for, scores lower on the same items than its checkpoint.",
        "Keep the checkpoint, and export it with more bits a weight or for another runtime.",
        "unsloth#976, #3899, LlamaFactory#8720: good in training, garbage after export",
        instead="The export is at fault: `cockpit export` with another --format or --type.",
    ),
    Rule(
        "export-reads-otherwise",
        "progress",
        "The runtime turns prompts into other tokens than the run did, or renders the chat template otherwise.",
        "Serve it with prompts that were rendered elsewhere, or with a runtime that reads the model's own tokenizer.",
        "Soup#781, #785: doubled begin-of-text tokens; unsloth#976: another template than the trained one",
        instead="The runtime is at fault: `cockpit export --format merged` keeps the model's own tokenizer.",
    ),
)
