-- One row per posted usage with both legs side by side.
create view charged_usage as
select
  u.*,
  r.account,
  r.used_by,
  r.product,
  r.currency as retail_currency,
  r.amount_micros as retail_micros,
  r.net_micros as retail_net_micros,
  r.tax_micros as retail_tax_micros,
  w.currency as wholesale_currency,
  w.amount_micros as wholesale_micros,
  w.net_micros as wholesale_net_micros,
  w.expected_micros as wholesale_expected_micros,
  r.destination,
  r.destination_zone,
  r.relation,
  r.serving_zone,
  r.tariff,
  r.rate_line,
  r.billed_units,
  r.covered_units,
  r.unit,
  r.revision,
  r.catalog_version
from usage u
join charge r on r.file_id = u.file_id and r.partner = u.partner
  and r.record_index = u.record_index and r.leg = 'retail'
join charge w on w.file_id = u.file_id and w.partner = u.partner
  and w.record_index = u.record_index and w.leg = 'wholesale';

comment on view charged_usage is
  'One row per posted usage with its latest retail and wholesale charge, micro-units of the named currency';
