-- The last charges of the period, latest use first; one that another took the place of is not told.
select *
from charged c
where made
  and not exists (
    select 1 from charged n
    where n.made and n.revision > c.revision and n.partner = c.partner
      and n.file_id = c.file_id and n.record_index = c.record_index and n.leg = c.leg
  )
order by started_at desc, partner, file_id, record_index desc, leg
limit $lines;
