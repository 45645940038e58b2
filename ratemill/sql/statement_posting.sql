-- The postings of one account, up to what the ledger had when its balance was read.
create temp table account_posting as
select
  partner, file_id, record_index, leg, revision, kind, currency, amount_micros, batch_number,
  posted_at
from posting
where account = $account and batch_number <= $last_batch;
