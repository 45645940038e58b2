"""The front door: settings, home, pipeline conductor, command line, warehouse and reports."""

import os

# Polars gives memory back after half a second and takes it anew for the next file, which the kernel
# has to clear first: a fortieth of the time of rating. It reads this when it is loaded.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:-1")
