-- How much each live account uses the product. Windows are whole days of the project's time zone, the night's own day included.
-- Without an event of any live account, usage is not delivered and all is NULL (usage_known = false). An account without events
-- while others have some uses nothing: that is known, and a 0.
WITH used AS (
    SELECT account_id                                                          AS used_by,
           active_days(occurred_at, as_of(), 7)                                AS days_7,
           active_days(occurred_at, as_of(), 30)                               AS days_30,
           active_days(occurred_at, as_of(), 90)                               AS days_90,
           count(*) FILTER (WHERE occurred_on > as_of() - 30)                  AS events_30,
           count(user_id) FILTER (WHERE occurred_on > as_of() - 30)            AS signed_in_events_30,
           count(DISTINCT user_id) FILTER (WHERE occurred_on > as_of() - 30)   AS users_30,
           -- Whole numbers: a sum of floats would depend on the order of the rows.
           sum(quantity) FILTER (WHERE occurred_on > as_of() - 30)             AS quantity_now,
           sum(quantity) FILTER (WHERE occurred_on > as_of() - 60
                                   AND occurred_on <= as_of() - 30)            AS quantity_before,
           max(occurred_on)                                                    AS last_active_on
    FROM staging.usage_events
    GROUP BY account_id
),
live AS (
    SELECT *,
           count(used_by) OVER () > 0 AS usage_known
    FROM feature.contract
    LEFT JOIN used ON used_by = account_id
),
counted AS (
    SELECT account_id,
           usage_known,
           last_active_on,
           seats,
           quantity_before,
           CASE WHEN usage_known THEN COALESCE(days_7, 0) END        AS active_days_7,
           CASE WHEN usage_known THEN COALESCE(days_30, 0) END       AS active_days_30,
           CASE WHEN usage_known THEN COALESCE(days_90, 0) END       AS active_days_90,
           CASE WHEN usage_known THEN COALESCE(quantity_now, 0) END  AS quantity_30,
           -- Events without any user (server side tracking) do not mean that nobody is there: not known.
           CASE WHEN events_30 > 0 AND signed_in_events_30 = 0 THEN NULL
                WHEN usage_known THEN COALESCE(users_30, 0) END      AS active_users_30
    FROM live
)
SELECT account_id,
       usage_known,
       last_active_on,
       active_days_7,
       active_days_30,
       active_days_90,
       active_users_30,
       quantity_30,
       -- Share of the paid seats in use: may pass 1 where more people sign in than pay.
       CAST(active_users_30 AS DOUBLE) / NULLIF(seats, 0)              AS seats_used,
       -- Change against the 30 days before: -0.3 is a fall by 30 %. Unknown where there was nothing before.
       CAST(quantity_30 - quantity_before AS DOUBLE)
           / NULLIF(quantity_before, 0)                                AS usage_trend_30
FROM counted
