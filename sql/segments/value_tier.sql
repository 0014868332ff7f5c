/*
+++
title     = "Value tier"
owner     = "revenue-operations"
tags      = ["value", "core"]
labels    = ["enterprise", "mid", "small"]
exclusive = true
total     = true
playbook  = "coverage-model"
limits    = { min_members = 1, max_change = 0.30 }   # of all live accounts: a larger jump is an import gone wrong
+++
What an account is worth a year, for who gets how much of our time. 20,000 pays for a shared manager, 100,000 for one of their
own; a customer on the line is in the higher tier.
*/
SELECT account_id,
       tier(arr, [20000, 100000], ['small', 'mid', 'enterprise']) AS segment,
       arr                                                        AS score
FROM feature.account
