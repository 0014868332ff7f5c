/*
+++
title     = "Profitability"
owner     = "finance"
tags      = ["value", "core"]
labels    = ["profitable", "break_even", "loss_making", "unknown"]
exclusive = true
total     = true
playbook  = "loss_making: change the care level or the price"
limits    = { min_members = 1, max_change = 0.30 }
+++
What is left of the ARR after 12 months' cost to serve, as a share of it. Costs are allocated, not measured: 10 % either way is
break-even. `unknown` where no cost is delivered, or there is no ARR.
*/
SELECT account_id,
       -- Ten decimals: the margin is a quotient of floats, and 10 % on paper must be 10 %.
       CASE WHEN margin IS NULL THEN 'unknown'
            ELSE tier(round(margin, 10), [-0.10, 0.10], ['loss_making', 'break_even', 'profitable']) END AS segment,
       margin AS score,
       arr,
       cost_12m
FROM feature.account
