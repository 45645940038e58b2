-- What each revision of each leg moved in the period.
create temp table charged as
select
  currency, partner, file_id, record_index, leg, revision, service, direction, destination,
  started_at, used_by, unit, used_units, covered_units,
  sum(amount_micros)::bigint as amount_micros,
  coalesce(sum(amount_micros) filter (kind in ('overdraft', 'over_limit')), 0)::bigint
    as beyond_micros,
  coalesce(sum(amount_micros) filter (kind in ('cap', 'write_off')), 0)::bigint
    as given_up_micros,
  bool_or(kind in ('usage', 'overdraft', 'over_limit')) as made,
  bool_or(kind = 'refund') as refunded
from move
where posted_at >= $begin and posted_at < $finish
group by all;
