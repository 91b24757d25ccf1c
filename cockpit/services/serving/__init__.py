"""One warm vLLM server a base model and box: started, kept, found again, ended without a trace."""
