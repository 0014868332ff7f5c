-- The last answer of each account.
SELECT account_id, last_value(nps ORDER BY ts) AS nps_last
FROM raw.surveys
WHERE nps IS NOT NULL
GROUP BY account_id
