/*
+++
title     = "Company growth"
owner     = "marketing"
tags      = ["firmographics", "core"]
labels    = ["shrinking", "stable", "growing", "growing_fast", "unknown"]
exclusive = true
total     = true
playbook  = "shrinking: protect seats; growing: offer seats; growing_fast: offer the next plan"
limits    = { min_members = 1, max_change = 0.30 }
+++
How the number of employees changed within a year: seats follow people. Shrinking below -5 % (less is leavers not yet replaced),
growing from +10 %, fast from +30 %, which in a few years is another company. `unknown` where one of the two numbers is.
*/
SELECT account_id,
       CASE WHEN employees_growth_12m IS NULL THEN 'unknown'
            ELSE tier(employees_growth_12m, [-0.05, 0.10, 0.30],
                      ['shrinking', 'stable', 'growing', 'growing_fast']) END AS segment,
       employees_growth_12m AS score,
       employees,
       employees_a_year_ago
FROM feature.account
