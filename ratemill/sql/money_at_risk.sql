-- What waits in suspense, by partner and reason.
create table money_at_risk as
select
  partner,
  stage,
  code,
  currency,
  count(*) as records,
  sum(money_at_risk_micros)::bigint as money_at_risk_micros
from reject
where outcome = 'suspended'
group by all
order by all;

comment on table money_at_risk is
  'Suspended records and the partner''s charge for them, by partner, stage and code';
