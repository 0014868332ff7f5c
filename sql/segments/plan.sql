/*
+++
title     = "Plan"
owner     = "product"
tags      = ["contract", "core"]
exclusive = true
total     = true
playbook  = "plan-communication"
limits    = { min_members = 1, max_change = 0.30 }
+++
The plan an account is on; of several subscriptions that with the largest ARR. Plans come and go: no closed set of labels.
*/
SELECT account_id,
       COALESCE(plan, 'unknown') AS segment,
       seats
FROM feature.account
