/*
+++
title    = "Advocates"
owner    = "lifecycle-marketing"
tags     = ["composed", "core"]
playbook = "referral"
limits   = { max_change = 0.75 }
severity = "warn"                        # few members: one more or less is a large share
+++
Healthy, with us for a year, and they like us: ask them for a reference. 9 and 10 are the promoters of the Net Promoter Score
(Reichheld, The One Number You Need to Grow, 2003); never asked is no promoter.
*/
SELECT a.account_id,
       h.score,
       nps,
       customer_age_days
FROM segment.health AS h
JOIN feature.account AS a ON a.account_id = h.account_id
WHERE h.segment = 'good'
  AND nps >= 9
  AND customer_age_days >= 365
