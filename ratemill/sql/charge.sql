-- The latest charge of every leg, of records that are not in suspense or turned away.
create view charge as
select c.*
from charge_history c
left join charge_revised r on r.partner = c.partner and r.file_id = c.file_id
  and r.record_index = c.record_index and r.leg = c.leg
anti join reject t on t.partner = c.partner and t.file_id = c.file_id
  and t.record_index = c.record_index
where coalesce(r.revision, c.revision) = c.revision;

comment on view charge is
  'The latest charge of every leg that stands; charge_history has all revisions';
comment on table charge_revised is
  'The latest revision of every leg that was revised';
