/*
+++
title    = "Desired outcome"
owner    = "customer-success"
tags     = ["outcome", "core"]
labels   = ["save_time", "cut_costs", "grow_revenue", "stay_compliant", "better_decisions", "faster_onboarding", "happier_customers"]
playbook = "success-plan"
limits   = { max_change = 0.30 }
+++
One row per outcome that an account wants from us, of the set that success plans are written for (staging/outcomes.sql). What the
CRM has beside that set is told by audits/outcome_not_in_the_set.sql, and is no segment. Where nobody asked, an account is in
none.
*/
WITH wanted AS (
    SELECT DISTINCT account_id,
           lower(trim(unnest(desired_outcomes))) AS outcome
    FROM feature.account
)
SELECT account_id,
       known.outcome AS segment
FROM wanted
JOIN staging.outcomes AS known ON known.outcome = wanted.outcome
