INSERT INTO posting (
    file_number, record_index, leg, revision, account, currency, amount_micros, kind, usage_key
)
VALUES (?, ?, ?, ?, ?, ?, ?, 'usage', ?)
