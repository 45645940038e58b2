INSERT INTO balance (account, currency, amount_micros, postings)
VALUES (?, ?, ?, ?)
ON CONFLICT (account, currency) DO UPDATE SET
    amount_micros = balance.amount_micros + excluded.amount_micros,
    postings = balance.postings + excluded.postings
