-- Retail rating of tests/bench/rating_world.py as one DuckDB plan. Macros name the inputs:
-- usage_files() and catalog() are set by rating_duckdb.py. It knows this world only: two bands with
-- at most one border inside a call, one allowance a service, one period, one currency, no tax.
create or replace temp table rated as
with heads as materialized (
  select file_id, record_index, unnest([left(other_party, digits)
    for digits in [2, 3, 4, 5, 6, 7, 8, 9, 10]]) as head
  from usage
  where service in ('voice', 'sms') and direction = 'mo'
),
number_parts as materialized (
  select h.file_id, h.record_index, max_by(p.zone, length(p.prefix)) as destination_zone
  from heads h join number_plan p on p.prefix = h.head
  group by all
),
located as (
  select
    u.file_id, u.record_index, u.started_at, u.usage_key, u.service, u.direction,
    s.account, p.tariff, t.calendar, n.zone as serving_zone,
    coalesce(d.destination_zone, '*') as destination_zone,
    case u.service when 'voice' then u.duration_s when 'sms' then 1
      else u.volume_up_bytes + u.volume_down_bytes end as units,
    timezone('Europe/Vienna', timezone('UTC', u.started_at)) as local_at
  from usage u
  join sims s on s.imsi = u.imsi
  join subscriptions b on b.account = s.account
  join products p on p.product = b.product
  join tariffs t on t.tariff = p.tariff
  join networks n on n.tadig = u.serving_network
  left join number_parts d on d.file_id = u.file_id and d.record_index = u.record_index
),
banded as (
  select *,
    case when calendar is null then '*'
      when isodow(local_at) <= 5 and hour(local_at) between 7 and 18 then 'peak'
      else 'off-peak' end as band,
    case when calendar is null or service <> 'voice' then null
      when isodow(local_at) <= 5 and hour(local_at) < 7
        then date_trunc('day', local_at) + interval 7 hours
      when isodow(local_at) <= 5 and hour(local_at) < 19
        then date_trunc('day', local_at) + interval 19 hours
      when isodow(local_at + interval 1 day) <= 5
        then date_trunc('day', local_at) + interval 31 hours
    end as border
  from located
),
started as (
  select b.*, r.rate, r.first_interval, r.next_interval, r.per, r.setup_fee_micros,
    case when border < local_at + to_seconds(units)
      then date_diff('second', local_at, border) else units end as until
  from banded b
  join rates r on r.tariff = b.tariff and r.service = b.service and r.direction = b.direction
    and r.serving_zone = b.serving_zone and r.destination_zone = b.destination_zone
    and (r.band = b.band or r.band = '*')
),
rounded as materialized (
  select *,
    case when units <= 0 then 0
      when units <= first_interval then first_interval
      else first_interval + (units - first_interval + next_interval - 1) // next_interval
        * next_interval end as billed,
    case when until <= first_interval then first_interval
      else first_interval + (until - first_interval + next_interval - 1) // next_interval
        * next_interval end as billed_until
  from started
),
stretches as (
  select *, 0 as stretch, band as at_band, least(billed, billed_until) as need from rounded
  union all
  select *, 1, case band when 'peak' then 'off-peak' else 'peak' end, billed - billed_until
  from rounded where billed > billed_until
),
priced as (
  select s.*, r.price_micros,
    coalesce(sum(need) over (
      partition by account, s.service order by started_at, usage_key, stretch
      rows between unbounded preceding and 1 preceding), 0) as before
  from stretches s
  join rates r on r.tariff = s.tariff and r.service = s.service and r.direction = s.direction
    and r.serving_zone = s.serving_zone and r.destination_zone = s.destination_zone
    and (r.band = s.at_band or r.band = '*')
),
covered as (
  select p.*,
    case when p.service = 'sms' and direction = 'mt' then 0
      else greatest(0, least(need, q.quantity - before)) end as free
  from priced p join quantities q on q.service = p.service
)
select
  file_id, record_index, any_value(account) as account, sum(need)::bigint as billed_units,
  sum(free)::bigint as covered_units,
  (case when sum(need) = sum(free) then 0 else any_value(setup_fee_micros)
    + (2 * sum((need - free)::hugeint * price_micros) + any_value(per)) // (2 * any_value(per))
    end)::bigint as amount_micros
from covered
group by file_id, record_index;
