/*
+++
title    = "Ready to expand"
owner    = "sales"
tags     = ["composed", "core"]
playbook = "offer-more"
limits   = { max_change = 0.75 }
severity = "warn"                        # few members: one more or less is a large share
+++
Accounts to talk to about more: health is good, nothing speaks for leaving, and there is a need to see, nearly all seats taken (90
%) or more people every year. An offer to anybody else is noise, or worse. What is not known speaks for nobody.
*/
SELECT a.account_id,
       arr AS score,
       seats,
       seats_used,
       g.segment AS company_growth
FROM feature.account AS a
JOIN segment.health         AS h ON h.account_id = a.account_id
JOIN segment.churn_risk     AS r ON r.account_id = a.account_id
JOIN segment.company_growth AS g ON g.account_id = a.account_id
WHERE h.segment = 'good'
  AND r.segment = 'low'
  AND (seats_used >= 0.90 OR g.segment IN ('growing', 'growing_fast'))
