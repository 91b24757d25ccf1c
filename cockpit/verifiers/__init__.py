"""Score one completion against one item; the reward functions of the trainers are these, nothing else.

    verifier = load("tagged:answer")
    verdict = verifier("<answer>18</answer>", {"answer": "… #### 18"})   # score 1.0, parsed, "18"

Pure and torch-free. See `verifier.NAMES` for the known names.

May import: `cockpit.contract.errors`.
Start reading at `verifier.py` (the names), `verdict.py` (what comes out), `formats.py` (how an answer is found).
"""

from cockpit.verifiers.selfcheck import Failure, SelfCheck, selfcheck
from cockpit.verifiers.verdict import Verdict
from cockpit.verifiers.verifier import CODE_VERSION, NAMES, Verifier, load

__all__ = ["CODE_VERSION", "NAMES", "Failure", "SelfCheck", "Verdict", "Verifier", "load", "selfcheck"]
