/*
+++
title     = "Lifecycle"
owner     = "customer-success"
tags      = ["lifecycle", "core"]
labels    = ["onboarding", "adopting", "established", "veteran"]
exclusive = true
total     = true
playbook  = "lifecycle-journey"
limits    = { min_members = 1, max_change = 0.30 }
+++
How long an account is with us, from the first subscription it ever had, in calendar months (features/lifecycle.sql). Three months
to the first success, a year to the first renewal, three years to a habit.
*/
SELECT account_id,
       stage             AS segment,
       customer_age_days AS score,
       first_started_on
FROM feature.account
