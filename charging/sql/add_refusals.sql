INSERT INTO refusal (
    file_number, record_index, usage_key, original_file_number, original_record_index
)
VALUES (?, ?, ?, ?, ?)
