-- What is committed stays, even when the power fails.
PRAGMA synchronous = FULL;
-- Usage keys fall anywhere in their tree: 64 MiB hold the pages of some millions of them.
PRAGMA cache_size = -65536;
