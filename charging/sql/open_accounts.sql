-- A charge may have come first: the opening then still decides the mode.
INSERT INTO account (account, currency, mode)
VALUES (?, ?, ?)
ON CONFLICT (account, currency) DO UPDATE SET mode = excluded.mode
