-- What the postings in the lake come to per account, up to the ledger's last batch.
select account, currency, sum(amount_micros)::bigint as amount_micros, count(*) as postings
from posting
where batch_number <= $last
group by all
