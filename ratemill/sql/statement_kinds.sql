-- The postings of the period by kind.
select currency, kind, count(*) as count, sum(amount_micros)::bigint as amount_micros
from move
where posted_at >= $begin and posted_at < $finish
group by currency, kind
order by currency, kind;
