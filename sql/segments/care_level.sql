/*
+++
title     = "Care level"
owner     = "customer-success"
tags      = ["composed", "capacity", "core"]
labels    = ["high_touch", "mid_touch", "low_touch", "tech_touch"]
exclusive = true
total     = true
playbook  = "high_touch: a plan and weekly calls; mid_touch: monthly calls; low_touch: pooled; tech_touch: digital only"
limits    = { min_members = 1, max_change = 0.30 }
+++
How much of a person's time an account needs, in points from features/care.sql, by need and not by pay: stage (onboarding 2,
adopting 1), complexity (200 seats or more 2, 50 or more 1), risk (poor health 2, average or unknown 1). Six are the most; high
from 5, mid from 3, low from 1. What a level takes in hours is in features/csm_book.sql.
*/
SELECT account_id,
       care_level  AS segment,
       care_points AS score,
       stage_points,
       complexity_points,
       risk_points
FROM feature.care
