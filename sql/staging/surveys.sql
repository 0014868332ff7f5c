-- One row per answer: kind nps (0..10) or csat (1..5).
SELECT account_id,
       answered_at,
       lower(kind) AS kind,
       score
FROM raw.surveys
