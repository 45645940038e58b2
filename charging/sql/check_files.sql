-- Every file's counts are those of its rows; an open file has none.
SELECT
    'file ' || file_number || ': ' || sum(records) || ' records, ' || sum(postings)
    || ' postings and ' || sum(refused) || ' refused stated, but ' || sum(found_records) || ', '
    || sum(found_postings) || ' and ' || sum(found_refused) || ' found'
FROM (
    SELECT
        file_number,
        records,
        postings,
        refused,
        0 AS found_records,
        0 AS found_postings,
        0 AS found_refused
    FROM file
    WHERE state = 'posted'
    UNION ALL
    SELECT file_number, 0, 0, 0, count(DISTINCT record_index), count(*), 0
    FROM posting
    GROUP BY file_number
    UNION ALL
    SELECT file_number, 0, 0, 0, 0, 0, count(*)
    FROM refusal
    GROUP BY file_number
) AS side
GROUP BY file_number
HAVING
    sum(records) <> sum(found_records)
    OR sum(postings) <> sum(found_postings)
    OR sum(refused) <> sum(found_refused)
ORDER BY file_number
