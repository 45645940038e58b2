-- A charge never waits for its account, and leaves the mode of a known one alone.
INSERT INTO account (account, currency, mode)
VALUES (?, ?, 'partner')
ON CONFLICT (account, currency) DO NOTHING
