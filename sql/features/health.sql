-- How well each live account does, 0..100, from what is known of it. A measure that is not known is left out, with its weight:
-- never zero, never neutral. With less than half of the weight known there is no score, and the band is `unknown`.
-- The weights and the worst and best value of each measure stand here and nowhere else.
WITH measures AS (
    SELECT c.account_id,
           -- (a + b) / 2 is NULL unless both are known; then the known one counts alone.
           -- 20 days are every working day of a month; 0.8 of the seats, because nobody fills all of them.
           COALESCE((score_between(active_days_30, 0, 20) + score_between(seats_used, 0, 0.8)) / 2,
                    score_between(active_days_30, 0, 20),
                    score_between(seats_used, 0, 0.8))          AS consumption,
           adoption,
           -- Worst: we pay 20 % on top. Best: 60 %, usual for software once it is sold.
           score_between(margin, -0.2, 0.6)                     AS profit,
           COALESCE((score_between(open_escalations, 5, 0) + score_between(satisfaction, 1, 5)) / 2,
                    score_between(open_escalations, 5, 0),
                    score_between(satisfaction, 1, 5))          AS support,
           -- NPS asks about us, CSAT about one contact: the first counts where there are both.
           COALESCE(score_between(nps, 0, 10), score_between(csat, 1, 5)) AS sentiment,
           -- Two months late is as bad as it gets: then somebody is called anyway.
           score_between(overdue_days, 60, 0)                   AS billing
    FROM feature.contract AS c
    -- ON, not USING: the engine takes the key of a third USING for ambiguous.
    JOIN feature.usage     ON usage.account_id = c.account_id
    JOIN feature.adoption  ON adoption.account_id = c.account_id
    JOIN feature.profit    ON profit.account_id = c.account_id
    JOIN feature.support   ON support.account_id = c.account_id
    JOIN feature.sentiment ON sentiment.account_id = c.account_id
    JOIN feature.billing   ON billing.account_id = c.account_id
),
scored AS (
    SELECT *,
           -- Consumption, adoption and profit are the three pillars (0.65); the others warn early.
           -- Ten decimals: the measures are quotients of floats, 1.01 between 1 and 5 is 0.2500000000000002. The mean of such
           -- that is 75 on paper would miss its band.
           round(health_score({consumption: consumption, adoption: adoption, profit: profit,
                               support: support, sentiment: sentiment, billing: billing},
                              {consumption: 0.30, adoption: 0.20, profit: 0.15,
                               support: 0.15, sentiment: 0.10, billing: 0.10},
                              min_coverage => 0.5), 10) AS computed_score
    FROM measures
),
-- What a person knows better holds until the day it expires; a score, a band, or both.
overridden AS (
    SELECT account_id            AS overridden_id,
           CAST(score AS DOUBLE) AS override_score,
           band                  AS override_band
    FROM staging.overrides
    WHERE expires_on > as_of()
)
SELECT account_id,
       COALESCE(override_score, computed_score) AS health_score,
       -- Half of what can be reached is the line to `average`, three quarters that to `good`.
       COALESCE(override_band,
                health_band(COALESCE(override_score, computed_score), 50, 75)) AS health_band,
       overridden_id IS NOT NULL AS overridden,
       computed_score,
       consumption,
       adoption,
       profit,
       support,
       sentiment,
       billing
FROM scored
LEFT JOIN overridden ON overridden_id = account_id
