-- Usage in the last 90 days.
SELECT account_id,
       count(DISTINCT CAST(ts AS DATE)) AS active_days_90,
       count(DISTINCT feature)          AS features_90,
       COALESCE(sum(COALESCE("count", 1)) FILTER (WHERE ts >= as_of_end() - INTERVAL '28 days'), 0) AS events_28,
       COALESCE(sum(COALESCE("count", 1)) FILTER (WHERE ts >= as_of_end() - INTERVAL '56 days'
                                                    AND ts < as_of_end() - INTERVAL '28 days'), 0) AS events_prev28,
       CAST(as_of_end() AS DATE) - CAST(max(ts) AS DATE) AS days_since_active
FROM raw.usage_events
WHERE account_id IS NOT NULL
  -- The folder's day, a day earlier: clocks differ.
  AND dt >= as_of() - 90
  AND ts >= as_of_end() - INTERVAL '90 days'
GROUP BY account_id
