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
How long an account is with us, from the first subscription it ever had, in calendar months: who started on the 31st of January is
three months with us on the 30th of April. Three months to the first success, a year to the first renewal, three years to a habit.
*/
SELECT account_id,
       CASE WHEN as_of() < first_started_on + INTERVAL '3 months'  THEN 'onboarding'
            WHEN as_of() < first_started_on + INTERVAL '12 months' THEN 'adopting'
            WHEN as_of() < first_started_on + INTERVAL '36 months' THEN 'established'
            ELSE 'veteran' END AS segment,
       customer_age_days       AS score,
       first_started_on
FROM feature.account
