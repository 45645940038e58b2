INSERT INTO top_up (top_up_key, account, currency, amount_micros, kind)
VALUES (?, ?, ?, ?, 'opening')
