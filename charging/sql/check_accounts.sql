-- Every account has a balance, every balance an account; what is reserved is what is pending.
SELECT 'account ' || account_number || ' (' || account || ' ' || currency || '): has no balance'
FROM account
WHERE NOT EXISTS (
    SELECT 1 FROM balance WHERE balance.account_number = account.account_number
)
UNION ALL
SELECT 'account ' || account_number || ': has a balance, but is not known'
FROM balance
WHERE NOT EXISTS (
    SELECT 1 FROM account WHERE account.account_number = balance.account_number
)
UNION ALL
SELECT
    'account ' || account_number || ': ' || sum(stated) || ' micros are reserved, but '
    || sum(pending) || ' are pending'
FROM (
    SELECT account_number, reserved_micros AS stated, 0 AS pending
    FROM balance
    UNION ALL
    SELECT account_number, 0, amount_micros
    FROM reservation
    WHERE state = 'pending'
) AS side
GROUP BY account_number
HAVING sum(stated) <> sum(pending)
ORDER BY 1
