-- Every account has a balance, and every balance an account.
SELECT account || ' ' || currency || ': account without a balance'
FROM account
WHERE NOT EXISTS (
    SELECT 1 FROM balance
    WHERE balance.account = account.account AND balance.currency = account.currency
)
UNION ALL
SELECT account || ' ' || currency || ': balance without an account'
FROM balance
WHERE NOT EXISTS (
    SELECT 1 FROM account
    WHERE account.account = balance.account AND account.currency = balance.currency
)
ORDER BY 1
