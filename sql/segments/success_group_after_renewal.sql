/*
+++
title     = "Success group after renewal"
owner     = "customer-success"
tags      = ["composed", "renewal", "core"]
labels    = ["at_risk", "key_account", "high_potential", "low_value"]
exclusive = true
playbook  = "at_risk: save plan; key_account: executive sponsor; high_potential: grow; low_value: digital only"
limits    = { max_change = 0.75 }        # renewals come in waves, and so do the 90 days after them
severity  = "warn"
+++
The success group of who renewed in the last 90 days, by what they did since: the same rules over the after-renewal view of
features/health.sql. Who signed and went quiet is at risk a year before the next signature. In the first 14 days nothing is known
yet, and value and promise decide.
*/
SELECT a.account_id,
       CASE WHEN after_renewal_band = 'poor' THEN 'at_risk'
            WHEN after_renewal_band = 'average' AND days_to_renewal <= 90 THEN 'at_risk'
            WHEN arr_fifth = 5 THEN 'key_account'
            WHEN growth_signs >= 2 THEN 'high_potential'
            ELSE 'low_value' END AS segment,
       arr                       AS score,
       after_renewal_band        AS health,
       after_renewal_score       AS health_score,
       after_renewal_weakest     AS weakest,
       days_since_renewal,
       growth_signs
FROM feature.account AS a
JOIN feature.health AS h ON h.account_id = a.account_id
WHERE days_since_renewal <= 90
