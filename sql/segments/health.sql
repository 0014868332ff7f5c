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
How well an account does, good from 75, average from 50. Weights, bands and what a person may override are in features/health.sql.
The evidence says why: the six measures (0..100 each, absent = not known), what each contributes to the computed score, the one
that costs most, and the share of the weight that is known. `unknown` is no verdict: less than half of it is. What a person has
set instead stands there with who, why and until when.
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
       coverage,
       weakest,
       contributions,
       overridden,
       computed_score,
       override_author,
       override_reason,
       override_expires_on
FROM feature.health
