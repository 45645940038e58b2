-- Every entry is of an account; one of a reservation or a voucher says what these say.
SELECT 'entry ' || entry_number || ': its account ' || account_number || ' is not known'
FROM entry
WHERE NOT EXISTS (
    SELECT 1 FROM account WHERE account.account_number = entry.account_number
)
UNION ALL
SELECT
    'reservation ' || reservation_key || ': ' || sum(stated) || ' micros were charged, but '
    || sum(entered) || ' are entered'
FROM (
    SELECT reservation_key, account_number, posted_micros AS stated, 0 AS entered
    FROM reservation
    UNION ALL
    SELECT subject, account_number, 0, -amount_micros
    FROM entry
    WHERE kind = 'reservation'
) AS side
GROUP BY reservation_key, account_number
HAVING sum(stated) <> sum(entered)
UNION ALL
SELECT 'voucher ' || secret_hash || ': redeemed, but not entered'
FROM voucher
WHERE redeemed_by IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM entry
    WHERE
        entry.entry_key = 'voucher:' || voucher.secret_hash
        AND entry.account_number = voucher.redeemed_by
)
UNION ALL
SELECT 'entry ' || entry_number || ': of a voucher that is not redeemed so'
FROM entry
WHERE kind = 'voucher' AND NOT EXISTS (
    SELECT 1
    FROM voucher
    INNER JOIN voucher_batch ON voucher_batch.voucher_batch = voucher.voucher_batch
    WHERE
        voucher.secret_hash = substr(entry.entry_key, 9)
        AND entry.account_number = voucher.redeemed_by
        AND entry.amount_micros = voucher_batch.amount_micros
)
ORDER BY 1
