-- Who is a customer tonight: one row per account with a live subscription. Every other feature hangs on this one, and
-- `live` is defined here only: started, and not cancelled by the end of the day.
-- An account that the CRM has lost is still a customer (audits/subscription_without_account.sql tells).
WITH live AS (
    SELECT *
    FROM staging.subscriptions
    WHERE started_on <= as_of()
      AND (cancelled_on IS NULL OR cancelled_on > as_of())
),
-- Since when an account is with us counts from its first subscription, also if that one is long gone.
first_start AS (
    SELECT account_id,
           min(started_on) AS first_started_on
    FROM staging.subscriptions
    GROUP BY account_id
),
bought AS (
    SELECT account_id,
           array_agg(DISTINCT product ORDER BY product) AS products
    FROM (SELECT account_id, trim(unnest(products)) AS product FROM live)
    WHERE product > ''
    GROUP BY account_id
),
summed AS (
    SELECT account_id,
           count(*)                                                             AS subscriptions,
           -- A sum of what is known would be too low without a word: one unknown amount makes the whole unknown.
           CASE WHEN count(arr) = count(*) THEN sum(arr) END                    AS arr,
           first_value(plan ORDER BY arr DESC NULLS LAST, subscription_id)      AS plan,
           sum(seats)                                                           AS seats,
           min(renewal_date)                                                    AS renewal_date,
           max(renewed_on)                                                      AS renewed_on
    FROM live
    GROUP BY account_id
)
SELECT s.account_id,
       subscriptions,
       arr,
       plan,
       products,
       seats,
       renewal_date,
       renewed_on,
       first_started_on
FROM summed AS s
JOIN first_start AS f ON f.account_id = s.account_id
LEFT JOIN bought AS b ON b.account_id = s.account_id
