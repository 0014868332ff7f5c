-- What each live account did since it last renewed, for the after-renewal view of features/health.sql: the usual windows still see
-- how hard we tried before the signature. Only of who renewed in the last 90 days; the day of the renewal counts, and of the first
-- 14 days nothing is told: two weeks are the least that tell a habit from a holiday.
-- What is not delivered at all is as unknown here as in the usual features.
WITH renewed AS (
    SELECT c.account_id,
           plan,
           seats,
           renewed_on,
           as_of() - renewed_on + 1 AS days,
           usage_known,
           -- Of two windows of 30 days: known once both lie behind the renewal.
           CASE WHEN as_of() - renewed_on + 1 >= 60 THEN usage_trend_30 END AS usage_trend_30,
           d.adoption IS NOT NULL AS adoption_known,
           open_tickets IS NOT NULL AS support_known
    FROM feature.contract AS c
    JOIN feature.usage    AS u ON u.account_id = c.account_id
    JOIN feature.adoption AS d ON d.account_id = c.account_id
    JOIN feature.support  AS s ON s.account_id = c.account_id
    WHERE as_of() - renewed_on BETWEEN 14 AND 90
),
events AS (
    SELECT e.account_id, user_id, occurred_on, feature
    FROM staging.usage_events AS e
    JOIN renewed AS r ON r.account_id = e.account_id
    WHERE occurred_on >= renewed_on
      AND occurred_on >= as_of() - 90   -- says nothing new, but of old files nothing is read
),
used AS (
    SELECT account_id,
           count(DISTINCT occurred_on) AS days_used,
           count(user_id)              AS signed_in_events,
           count(DISTINCT user_id)     AS users
    FROM events
    GROUP BY account_id
),
adopted AS (
    SELECT r.account_id,
           count(p.feature) AS entitled,
           count(e.feature) AS features_used
    FROM renewed AS r
    JOIN staging.plan_features AS p ON p.plan = r.plan
    LEFT JOIN (SELECT DISTINCT account_id, feature FROM events) AS e
        ON e.account_id = r.account_id AND e.feature = p.feature
    GROUP BY r.account_id
),
asked AS (
    SELECT r.account_id,
           count(*) FILTER (WHERE closed_at IS NULL AND escalated_at IS NOT NULL
                              AND CAST(opened_at AS DATE) >= renewed_on)               AS open_escalated,
           sum(satisfaction)   FILTER (WHERE CAST(closed_at AS DATE) >= renewed_on)    AS rating_sum,
           count(satisfaction) FILTER (WHERE CAST(closed_at AS DATE) >= renewed_on)    AS ratings
    FROM renewed AS r
    JOIN staging.tickets AS t ON t.account_id = r.account_id
    GROUP BY r.account_id
),
answered AS (
    SELECT r.account_id,
           first_value(score ORDER BY answered_at DESC, score) FILTER (WHERE kind = 'nps')  AS nps,
           first_value(score ORDER BY answered_at DESC, score) FILTER (WHERE kind = 'csat') AS csat
    FROM renewed AS r
    JOIN staging.surveys AS s ON s.account_id = r.account_id
    WHERE CAST(answered_at AS DATE) >= renewed_on
    GROUP BY r.account_id
),
billed AS (
    SELECT r.account_id,
           COALESCE(as_of() - min(due_on) FILTER (WHERE status IN ('open', 'failed') AND due_on < as_of()), 0) AS overdue_days
    FROM renewed AS r
    JOIN staging.invoices AS i ON i.account_id = r.account_id
    WHERE CAST(issued_at AS DATE) >= renewed_on
    GROUP BY r.account_id
)
SELECT c.account_id,
       -- Scaled to 30 days, so that features/health.sql asks the same of it.
       CASE WHEN usage_known THEN 30.0 * COALESCE(days_used, 0) / days END        AS active_days_30,
       -- Events without any user do not mean that nobody is there: not known.
       CASE WHEN days_used > 0 AND signed_in_events = 0 THEN NULL
            WHEN usage_known THEN CAST(COALESCE(users, 0) AS DOUBLE) / NULLIF(r.seats, 0) END AS seats_used,
       usage_trend_30,
       CASE WHEN adoption_known THEN CAST(100 * features_used AS DOUBLE) / NULLIF(entitled, 0) END AS adoption,
       CASE WHEN support_known THEN COALESCE(open_escalated, 0) END              AS open_escalations,
       CAST(rating_sum AS DOUBLE) / NULLIF(ratings, 0)                           AS satisfaction,
       nps,
       csat,
       overdue_days,
       -- As it stands: the cost of a month or two says too little.
       CASE WHEN r.account_id IS NOT NULL THEN margin END                        AS margin
FROM feature.contract AS c
JOIN feature.profit AS p ON p.account_id = c.account_id
LEFT JOIN renewed   AS r ON r.account_id = c.account_id
LEFT JOIN used      AS u ON u.account_id = c.account_id
LEFT JOIN adopted   AS d ON d.account_id = c.account_id
LEFT JOIN asked     AS k ON k.account_id = c.account_id
LEFT JOIN answered  AS w ON w.account_id = c.account_id
LEFT JOIN billed    AS b ON b.account_id = c.account_id
