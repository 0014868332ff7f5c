-- How well each live account does, 0..100, from what is known of it: of the usual windows, and of the days since its last
-- renewal. A measure that is not known is left out, with its weight: never zero, never neutral. With less than half of the weight
-- known there is no score, and the band is `unknown`.
-- The weights and the worst and best value of each measure stand here and nowhere else, and hold for both.
WITH facts AS (
    SELECT c.account_id,
           'usual' AS period,
           active_days_30,
           seats_used,
           usage_trend_30,
           adoption,
           margin,
           open_escalations,
           satisfaction,
           nps,
           csat,
           overdue_days
    FROM feature.contract AS c
    -- ON, not USING: the engine takes the key of a third USING for ambiguous.
    JOIN feature.usage     ON usage.account_id = c.account_id
    JOIN feature.adoption  ON adoption.account_id = c.account_id
    JOIN feature.profit    ON profit.account_id = c.account_id
    JOIN feature.support   ON support.account_id = c.account_id
    JOIN feature.sentiment ON sentiment.account_id = c.account_id
    JOIN feature.billing   ON billing.account_id = c.account_id
    UNION ALL
    SELECT account_id,
           'after_renewal',
           active_days_30,
           seats_used,
           usage_trend_30,
           adoption,
           margin,
           open_escalations,
           satisfaction,
           nps,
           csat,
           overdue_days
    FROM feature.after_renewal
),
measures AS (
    SELECT account_id,
           period,
           -- How much is used, and where it goes from there, count the same: who used a lot is in danger once it falls, and who
           -- always used little is not. What is not known of the three is left out.
           -- 20 days are every working day of a month; 0.8 of the seats, because nobody fills all of them. No fall is as good as
           -- growth, which the other two see; four fifths gone is as good as all, as in features/churn.sql.
           health_score({active_days: score_between(active_days_30, 0, 20),
                         seats_used: score_between(seats_used, 0, 0.8),
                         direction: score_between(usage_trend_30, -0.8, 0)},
                        {active_days: 1, seats_used: 1, direction: 2},
                        min_coverage => 0)                      AS consumption,
           adoption,
           -- Worst: we pay 20 % on top. Best: 60 %, usual for software once it is sold.
           score_between(margin, -0.2, 0.6)                     AS profit,
           -- (a + b) / 2 is NULL unless both are known; then the known one counts alone.
           COALESCE((score_between(open_escalations, 5, 0) + score_between(satisfaction, 1, 5)) / 2,
                    score_between(open_escalations, 5, 0),
                    score_between(satisfaction, 1, 5))          AS support,
           -- NPS asks about us, CSAT about one contact: the first counts where there are both.
           COALESCE(score_between(nps, 0, 10), score_between(csat, 1, 5)) AS sentiment,
           -- Two months late is as bad as it gets: then somebody is called anyway.
           score_between(overdue_days, 60, 0)                   AS billing
    FROM facts
),
explained AS (
    SELECT *,
           -- Consumption, adoption and profit are the three pillars (0.65); the others warn early.
           health_explain({consumption: consumption, adoption: adoption, profit: profit,
                           support: support, sentiment: sentiment, billing: billing},
                          {consumption: 0.30, adoption: 0.20, profit: 0.15,
                           support: 0.15, sentiment: 0.10, billing: 0.10},
                          min_coverage => 0.5) AS why
    FROM measures
),
scored AS (
    SELECT *,
           -- Ten decimals: the measures are quotients of floats, 1.01 between 1 and 5 is 0.2500000000000002. The mean of such
           -- that is 75 on paper would miss its band.
           round(why['score'], 10) AS computed_score
    FROM explained
),
-- What a person knows better holds until the day it expires; a score, a band, or both.
overridden AS (
    SELECT account_id            AS overridden_id,
           CAST(score AS DOUBLE) AS override_score,
           band                  AS override_band,
           author                AS override_author,
           reason                AS override_reason,
           expires_on            AS override_expires_on
    FROM staging.overrides
    WHERE valid
      AND expires_on > as_of()
)
SELECT n.account_id,
       COALESCE(override_score, n.computed_score) AS health_score,
       -- Half of what can be reached is the line to `average`, three quarters that to `good`.
       COALESCE(override_band,
                health_band(COALESCE(override_score, n.computed_score), 50, 75)) AS health_band,
       overridden_id IS NOT NULL AS overridden,
       override_author,
       override_reason,
       override_expires_on,
       n.computed_score,
       n.why['coverage']      AS coverage,
       n.why['weakest']       AS weakest,
       n.why['contributions'] AS contributions,
       n.consumption,
       n.adoption,
       n.profit,
       n.support,
       n.sentiment,
       n.billing,
       -- Nobody overrides what they have not waited for.
       r.computed_score                      AS after_renewal_score,
       health_band(r.computed_score, 50, 75) AS after_renewal_band,
       r.why['coverage']                     AS after_renewal_coverage,
       r.why['weakest']                      AS after_renewal_weakest
FROM scored AS n
JOIN scored AS r ON r.account_id = n.account_id AND r.period = 'after_renewal'
LEFT JOIN overridden ON overridden_id = n.account_id
WHERE n.period = 'usual'
