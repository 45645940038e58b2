-- Where the records of each finished file went; the counts on the right add up to received.
create table funnel as
select
  f.partner,
  f.name,
  f.file_id,
  f.state,
  f.records as received,
  f.posted,
  f.duplicate,
  f.suspended,
  f.dropped,
  f.currency,
  f.charge_micros
from file f
where f.stage = 'post'
order by f.file_number;

comment on table funnel is
  'Per finished file: received = posted + duplicate + suspended + dropped';
