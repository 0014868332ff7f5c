/*
+++
title     = "Churn risk"
owner     = "customer-success"
tags      = ["health", "core"]
labels    = ["high", "medium", "low", "unknown"]
exclusive = true
total     = true
playbook  = "high: call this week; medium: check in; low: nothing; unknown: connect usage"
limits    = { min_members = 1, max_change = 0.30 }
+++
How much speaks for an account leaving, from 0 to 100. Signs and weights are in features/churn.sql, and the evidence says what
each adds. 70 takes two strong signs at once, such as usage gone and nobody there; 40 takes one, or several weak ones. It is a
score to sort by, no probability. `unknown`: less than half of the weight is known.
*/
SELECT account_id,
       CASE WHEN churn_score IS NULL THEN 'unknown'
            ELSE tier(churn_score, [40, 70], ['low', 'medium', 'high']) END AS segment,
       churn_score AS score,
       coverage,
       contributions
FROM feature.churn
