-- What corrections posted in the period, by correction.
select
  currency, batch_number, min(posted_at) as at,
  count(distinct (partner, file_id, record_index, leg)) as charges,
  coalesce(sum(amount_micros) filter (kind = 'refund'), 0)::bigint as given_back_micros,
  coalesce(sum(amount_micros) filter (kind <> 'refund'), 0)::bigint as charged_micros
from move
where posted_at >= $begin and posted_at < $finish
  and batch_number in (select unnest($corrections))
group by currency, batch_number
order by currency, batch_number;
