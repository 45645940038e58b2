-- What came before the period and what came after it, and all of it, per currency.
select
  currency,
  coalesce(sum(amount_micros) filter (posted_at < $begin), 0)::bigint as before_micros,
  coalesce(sum(amount_micros) filter (posted_at >= $finish), 0)::bigint as after_micros,
  sum(amount_micros)::bigint as total_micros
from move
group by currency
order by currency;
