-- The usage of the period by its day, which is local to the account.
select
  currency,
  cast((started_at at time zone 'UTC') at time zone $zone as date) as day,
  count(*) filter (made and not refunded) as events,
  sum(amount_micros)::bigint as amount_micros
from charged
group by all
order by currency, day;
