"""One flat script per technique, run as `python -m trainers.sft ATTEMPT_DIR`, and what they share."""
