-- How much speaks for each live account leaving, 0..100, higher is worse: a score to sort by, no probability. Once coefficients are
-- fitted on who left, churn_probability() gives one.
-- A sign that is not known is left out, with its weight; usage is 0.60 of it, so without usage there is no score.
-- The weights and the least and most worrying value of each sign stand here and nowhere else.
WITH signs AS (
    SELECT c.account_id,
           -- The strongest sign: four fifths gone is as good as all.
           score_between(usage_trend_30, 0, -0.8) AS falling_usage,
           -- A long weekend is nothing, six weeks are more than a holiday. Who never came is away since the first day.
           CASE WHEN usage_known
                THEN score_between(as_of() - COALESCE(last_active_on, first_started_on), 3, 45) END AS absence,
           -- The worse of the two: 60 days as for health; the third failed payment in a year is no slip.
           GREATEST(score_between(overdue_days, 0, 60), score_between(failed_payments_12m, 0, 3)) AS billing_trouble,
           100 - h.adoption                       AS unused_features,
           -- What support counts for health, turned round.
           100 - h.support                        AS support_trouble
    FROM feature.contract AS c
    JOIN feature.usage   AS u ON u.account_id = c.account_id
    JOIN feature.billing AS b ON b.account_id = c.account_id
    JOIN feature.health  AS h ON h.account_id = c.account_id
),
explained AS (
    SELECT account_id,
           health_explain({falling_usage: falling_usage, absence: absence, billing_trouble: billing_trouble,
                           unused_features: unused_features, support_trouble: support_trouble},
                          {falling_usage: 0.35, absence: 0.25, billing_trouble: 0.20,
                           unused_features: 0.10, support_trouble: 0.10},
                          min_coverage => 0.5) AS why
    FROM signs
)
SELECT account_id,
       -- Ten decimals, as for health.
       round(why['score'], 10) AS churn_score,
       why['coverage']         AS coverage,
       why['contributions']    AS contributions
FROM explained
