-- The usage of the period by service and partner; what was given back of it is taken off.
select
  currency, service, direction, partner, unit,
  count(*) filter (made and not refunded) as events,
  coalesce(sum(used_units) filter (made and not refunded), 0)::bigint as used_units,
  sum(amount_micros)::bigint as amount_micros,
  coalesce(sum(beyond_micros) filter (not refunded), 0)::bigint as beyond_micros,
  coalesce(sum(given_up_micros) filter (not refunded), 0)::bigint as given_up_micros
from charged
group by currency, service, direction, partner, unit
order by currency, amount_micros, service, direction, partner;
