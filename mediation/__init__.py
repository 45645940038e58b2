"""Files in, usage out: collect, decode, normalize, validate, gate, deduplicate."""
