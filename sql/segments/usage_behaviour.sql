/*
+++
title     = "Usage behaviour"
owner     = "product"
tags      = ["usage", "core"]
labels    = ["power", "regular", "occasional", "dormant", "never", "unknown"]
exclusive = true
total     = true
playbook  = "in-product-guidance"
limits    = { min_members = 1, max_change = 0.30 }
+++
On how many of the last 30 days anybody of the account used the product. 20 is every working day, 8 about twice a week, one is
more than nothing. `dormant` was here before, `never` was not; `unknown`: nobody's usage is delivered.
*/
SELECT account_id,
       CASE WHEN NOT usage_known THEN 'unknown'
            WHEN last_active_on IS NULL THEN 'never'
            ELSE tier(active_days_30, [1, 8, 20], ['dormant', 'occasional', 'regular', 'power']) END AS segment,
       active_days_30 AS score,
       active_users_30,
       last_active_on
FROM feature.account
