/*
+++
title     = "Health"
owner     = "customer-success"
tags      = ["health", "core"]
labels    = ["good", "average", "poor", "unknown"]
exclusive = true
total     = true
playbook  = "good: advocacy; average: keep from falling; poor: unused features of value; unknown: find out"
limits    = { min_members = 1, max_change = 0.30 }
+++
How well an account does. Weights, bands and what a person may override are in features/health.sql; the measures beside the score
say why (0..100 each, absent = not known). `unknown` is no verdict: less than half of the weight is known.
*/
SELECT account_id,
       health_band  AS segment,
       health_score AS score,
       consumption,
       adoption,
       profit,
       support,
       sentiment,
       billing,
       overridden
FROM feature.health
