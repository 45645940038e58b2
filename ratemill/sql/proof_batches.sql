-- What the postings in the lake come to per batch, up to the ledger's last one.
select batch_number::bigint as batch_number, count(*) as found
from posting
where batch_number <= $last
group by all
