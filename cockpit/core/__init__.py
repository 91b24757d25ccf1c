"""Pure judgement: values in, values out; no files, no clock, no screen, no torch."""
