-- How recently, how often and for how much each account bought, with quintiles.
WITH bought AS (
    SELECT account_id,
           max(ts) FILTER (WHERE status = 'paid') AS last_paid,
           count(*) FILTER (WHERE status = 'paid' AND ts >= as_of_end() - INTERVAL '365 days') AS frequency,
           sum(CASE status WHEN 'paid' THEN amount WHEN 'refunded' THEN -amount END)
               FILTER (WHERE ts >= as_of_end() - INTERVAL '365 days') AS monetary,
           count(*) FILTER (WHERE status = 'failed' AND ts >= as_of_end() - INTERVAL '90 days') AS failed_90
    FROM raw.orders
    WHERE account_id IS NOT NULL
    GROUP BY account_id
),
measured AS (
    SELECT account_id,
           CAST(as_of_end() AS DATE) - CAST(last_paid AS DATE) AS recency_days,
           frequency,
           COALESCE(monetary, 0) AS monetary,
           failed_90
    FROM bought
    WHERE last_paid IS NOT NULL
)
SELECT *,
       5 - 5 * (CAST(rank() OVER (ORDER BY recency_days) AS BIGINT) - 1) / count(*) OVER () AS r,
       1 + 5 * (CAST(rank() OVER (ORDER BY frequency) AS BIGINT) - 1) / count(*) OVER () AS f,
       1 + 5 * (CAST(rank() OVER (ORDER BY monetary) AS BIGINT) - 1) / count(*) OVER () AS m
FROM measured
