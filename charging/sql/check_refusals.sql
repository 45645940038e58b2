-- A refused record has no leg posted, and names the record that owns its usage key.
SELECT
    'file ' || refusal.file_number || ' record ' || refusal.record_index
    || ': refused, but one of its legs is posted'
FROM refusal
WHERE EXISTS (
    SELECT 1 FROM posting
    WHERE
        posting.file_number = refusal.file_number
        AND posting.record_index = refusal.record_index
)
UNION ALL
SELECT
    'file ' || refusal.file_number || ' record ' || refusal.record_index
    || ': refused for a record that does not own its usage key'
FROM refusal
WHERE NOT EXISTS (
    SELECT 1 FROM usage_key
    WHERE
        usage_key.usage_key = refusal.usage_key
        AND usage_key.file_number = refusal.original_file_number
        AND usage_key.record_index = refusal.original_record_index
)
ORDER BY 1
