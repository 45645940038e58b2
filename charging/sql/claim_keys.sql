INSERT INTO usage_key (usage_key, file_number, record_index)
VALUES (?, ?, ?)
ON CONFLICT (usage_key) DO NOTHING
