/*
+++
title     = "Success group"
owner     = "customer-success"
tags      = ["composed", "core"]
labels    = ["at_risk", "key_account", "high_potential", "low_value"]
exclusive = true
total     = true
playbook  = "at_risk: save plan; key_account: executive sponsor; high_potential: grow; low_value: digital only"
limits    = { min_members = 1, max_change = 0.30 }
+++
The one group that decides what customer success does with an account next. First match wins: danger before value, value before
promise. Unknown health is no danger: such accounts are judged by the rest.
*/
WITH facts AS (
    SELECT account_id,
           arr,
           h.segment AS health,
           days_to_renewal,
           -- Fifths by rank among all live accounts; equal ARR is always on the same side of the line.
           quantile_score(arr, 5) OVER () AS arr_fifth,
           -- Signs of growth. One alone is noise; what is not known is no sign.
           CASE WHEN usage_trend_30 >= 0.10 THEN 1 ELSE 0 END
               + CASE WHEN a.adoption >= 60 THEN 1 ELSE 0 END
               -- +10 % of staff, in whole numbers
               + CASE WHEN employees_a_year_ago > 0 AND employees * 10 >= employees_a_year_ago * 11 THEN 1 ELSE 0 END
               -- nearly all seats taken: the next hire needs one more
               + CASE WHEN seats_used >= 0.90 THEN 1 ELSE 0 END AS growth_signs
    FROM feature.account AS a
    JOIN segment.health AS h USING (account_id)
)
SELECT account_id,
       CASE WHEN health = 'poor' THEN 'at_risk'
            -- Average is enough to worry about once they decide whether to stay; overdue is within 90 days, too.
            WHEN health = 'average' AND days_to_renewal <= 90 THEN 'at_risk'
            WHEN arr_fifth = 5 THEN 'key_account'
            WHEN growth_signs >= 2 THEN 'high_potential'
            ELSE 'low_value' END AS segment,
       arr                       AS score,
       health,
       days_to_renewal,
       growth_signs
FROM facts
