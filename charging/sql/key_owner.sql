SELECT file_number, record_index
FROM usage_key
WHERE usage_key = ?
