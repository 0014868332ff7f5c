-- Tickets: open ones, those of 90 days, and the ratings of 180.
SELECT account_id,
       count(*) FILTER (WHERE closed_at IS NULL)                            AS open_tickets,
       count(*) FILTER (WHERE opened_at >= as_of_end() - INTERVAL '90 days') AS tickets_90,
       count(*) FILTER (WHERE opened_at >= as_of_end() - INTERVAL '90 days'
                          AND severity IN ('sev1', 'sev2'))                 AS sev12_90,
       sum(CAST(csat AS BIGINT)) FILTER (WHERE opened_at >= as_of_end() - INTERVAL '180 days') AS csat_sum,
       count(csat) FILTER (WHERE opened_at >= as_of_end() - INTERVAL '180 days')               AS csat_count
FROM raw.tickets
WHERE account_id IS NOT NULL
GROUP BY account_id
