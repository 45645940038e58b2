-- Every posting's usage key belongs to its record, and every owned key has a posting.
SELECT
    'file ' || posting.file_number || ' record ' || posting.record_index || ' '
    || posting.leg || ': its usage key belongs to '
    || coalesce(
        'file ' || usage_key.file_number || ' record ' || usage_key.record_index, 'nobody'
    )
FROM posting
LEFT JOIN usage_key ON usage_key.usage_key = posting.usage_key
WHERE
    usage_key.usage_key IS NULL
    OR usage_key.file_number <> posting.file_number
    OR usage_key.record_index <> posting.record_index
UNION ALL
SELECT
    'file ' || usage_key.file_number || ' record ' || usage_key.record_index
    || ': owns a usage key but has no posting'
FROM usage_key
WHERE NOT EXISTS (
    SELECT 1 FROM posting
    WHERE
        posting.file_number = usage_key.file_number
        AND posting.record_index = usage_key.record_index
        AND posting.usage_key = usage_key.usage_key
)
ORDER BY 1
