-- Every posted file's sums, by leg and currency, are those of its postings.
SELECT
    'file ' || file_number || ' ' || leg || ' ' || currency || ': ' || sum(stated) || ' in '
    || sum(counted) || ' postings stated, but ' || sum(derived) || ' in ' || sum(found) || ' found'
FROM (
    SELECT
        file_number,
        leg,
        currency,
        amount_micros AS stated,
        postings AS counted,
        0 AS derived,
        0 AS found
    FROM file_total
    UNION ALL
    SELECT file_number, leg, currency, 0, 0, sum(amount_micros), count(*)
    FROM posting
    GROUP BY file_number, leg, currency
) AS side
GROUP BY file_number, leg, currency
HAVING sum(stated) <> sum(derived) OR sum(counted) <> sum(found)
ORDER BY file_number, leg, currency
