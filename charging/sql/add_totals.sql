INSERT INTO file_total (file_number, leg, currency, amount_micros, postings)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (file_number, leg, currency) DO UPDATE SET
    amount_micros = amount_micros + excluded.amount_micros,
    postings = postings + excluded.postings
