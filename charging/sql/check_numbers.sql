-- Numbers are dense from 1: nothing was removed.
SELECT
    name || ' numbers: ' || rows_found || ' rows from ' || least || ' to ' || greatest
    || ', not 1 to ' || rows_found
FROM (
    SELECT 'account' AS name, count(*) AS rows_found, min(account_number) AS least,
        max(account_number) AS greatest
    FROM account
    UNION ALL
    SELECT 'file', count(*), min(file_number), max(file_number) FROM file
    UNION ALL
    SELECT 'batch', count(*), min(batch_number), max(batch_number) FROM batch
    UNION ALL
    SELECT 'entry', count(*), min(entry_number), max(entry_number) FROM entry
    UNION ALL
    SELECT 'account state', count(*), min(state_number), max(state_number) FROM account_state
    UNION ALL
    SELECT 'hold', count(*), min(hold_number), max(hold_number) FROM hold
) AS numbers
WHERE rows_found > 0 AND (least <> 1 OR greatest <> rows_found)
ORDER BY 1
