-- Every stored balance is the sum of its account's entries, and every entry has a balance.
SELECT
    account || ' ' || currency || ': balance ' || sum(stored) || ' with ' || sum(counted)
    || ' postings, but its entries sum to ' || sum(derived) || ' with ' || sum(found)
FROM (
    SELECT
        account,
        currency,
        amount_micros AS stored,
        postings AS counted,
        0 AS derived,
        0 AS found
    FROM balance
    UNION ALL
    SELECT account, currency, 0, 0, sum(amount_micros), count(*)
    FROM posting
    GROUP BY account, currency
    UNION ALL
    SELECT account, currency, 0, 0, sum(amount_micros), 0
    FROM top_up
    GROUP BY account, currency
) AS side
GROUP BY account, currency
HAVING sum(stored) <> sum(derived) OR sum(counted) <> sum(found)
ORDER BY 1
