/*
+++
title     = "Company size"
owner     = "marketing"
tags      = ["firmographics", "core"]
labels    = ["small", "medium", "large", "unknown"]
exclusive = true
total     = true
playbook  = "size-content"
limits    = { min_members = 1, max_change = 0.30 }
+++
How many people work there, small below 50, large from 500. 50 is where the EU's small enterprise ends (Recommendation
2003/361/EC); 500 instead of its 250, because that is where purchasing departments and single sign-on begin to be usual. `unknown`
where the CRM has no number.
*/
SELECT account_id,
       CASE WHEN employees IS NULL THEN 'unknown'
            ELSE tier(employees, [50, 500], ['small', 'medium', 'large']) END AS segment,
       employees AS score
FROM feature.account
