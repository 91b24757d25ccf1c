"""Score one completion against one item; the reward functions of the trainers are these, nothing else.

    verifier = load("tagged:answer")
    verdict = verifier("<answer>18</answer>", {"answer": "… #### 18"})   # score 1.0, parsed, "18"

Pure and torch-free. See `catalogue.py` for the known names.

May import: `cockpit.contract.errors`.
Start reading at `catalogue.py` (the names), `verifier.py`, `verdict.py` (what comes out), `formats.py`.
"""

from cockpit.verifiers.catalogue import KINDS, LISTED, is_graded, name_of
from cockpit.verifiers.selfcheck import Failure, SelfCheck, selfcheck
from cockpit.verifiers.verdict import Verdict
from cockpit.verifiers.verifier import CODE_VERSION, Verifier, load

__all__ = [
    "CODE_VERSION", "KINDS", "LISTED", "Failure", "SelfCheck", "Verdict", "Verifier", "is_graded", "load", "name_of",
    "selfcheck",
]  # fmt: skip
