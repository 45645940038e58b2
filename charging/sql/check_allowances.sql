-- No allowance is used less than not at all.
SELECT
    holder || ' ' || allowance || ' from ' || period_start || ': ' || used || '/' || scale
    || ' used'
FROM allowance_use
WHERE used < 0
ORDER BY 1
