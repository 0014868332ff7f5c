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
promise. Unknown health is no danger: such accounts are judged by the rest. A key account is in the top fifth of ARR; high
potential takes two signs of growth (features/potential.sql).
*/
SELECT a.account_id,
       CASE WHEN h.segment = 'poor' THEN 'at_risk'
            -- Average is enough to worry about once they decide whether to stay; overdue is within 90 days, too.
            WHEN h.segment = 'average' AND days_to_renewal <= 90 THEN 'at_risk'
            WHEN arr_fifth = 5 THEN 'key_account'
            WHEN growth_signs >= 2 THEN 'high_potential'
            ELSE 'low_value' END AS segment,
       arr                       AS score,
       h.segment                 AS health,
       days_to_renewal,
       growth_signs
FROM feature.account AS a
JOIN segment.health AS h ON h.account_id = a.account_id
