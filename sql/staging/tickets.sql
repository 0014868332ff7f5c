-- One row per support ticket. closed_at, escalated_at and the rating given on closing are masked: NULL until they came true.
SELECT ticket_id,
       account_id,
       opened_at,
       closed_at,
       escalated_at,
       priority,
       satisfaction
FROM raw.tickets
