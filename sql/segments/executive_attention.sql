/*
+++
title    = "Executive attention"
owner    = "customer-success"
tags     = ["composed", "core"]
playbook = "executive-call"
limits   = { max_members = 50 }          # a longer list is read by nobody
severity = "warn"
+++
Accounts that we can not afford to lose, enterprise or among those that make half of all ARR, and that are in danger of it: poor
health, high churn risk, or a renewal that is overdue or due in 30 days with health that is not good. Short enough to be read by
somebody who can pick up the phone.
*/
SELECT a.account_id,
       arr                     AS score,
       v.segment               AS value_tier,
       h.segment               AS health,
       r.segment               AS churn_risk,
       d.segment               AS renewal
FROM feature.account AS a
JOIN segment.value_tier        AS v ON v.account_id = a.account_id
JOIN segment.health            AS h ON h.account_id = a.account_id
JOIN segment.churn_risk        AS r ON r.account_id = a.account_id
LEFT JOIN segment.renewal_due  AS d ON d.account_id = a.account_id
LEFT JOIN segment.top_accounts AS t ON t.account_id = a.account_id
WHERE (v.segment = 'enterprise' OR t.account_id IS NOT NULL)
  AND (h.segment = 'poor'
       OR r.segment = 'high'
       OR (d.segment IN ('overdue', 'due_15', 'due_30') AND h.segment IN ('average', 'unknown')))
