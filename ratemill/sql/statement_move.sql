-- The postings of one account, each with the charge behind it. A charge that a file lost when it
-- was rolled back and priced anew is described by another revision of the same leg.
create temp table move as
with
  latest as (
    select * from charge
    qualify row_number() over (
      partition by partner, file_id, record_index, leg order by revision desc
    ) = 1
  )
select
  p.*,
  coalesce(c.service, l.service) as service,
  coalesce(c.direction, l.direction) as direction,
  coalesce(c.started_at, l.started_at) as started_at,
  coalesce(c.product, l.product) as product,
  coalesce(c.destination, l.destination) as destination,
  coalesce(c.used_by, l.used_by) as used_by,
  coalesce(c.unit, l.unit) as unit,
  coalesce(c.used_units, l.used_units) as used_units,
  coalesce(c.covered_units, l.covered_units) as covered_units
from account_posting p
left join charge c using (partner, file_id, record_index, leg, revision)
left join latest l using (partner, file_id, record_index, leg);
