/*
+++
title     = "Industry"
owner     = "marketing"
tags      = ["firmographics", "core"]
exclusive = true
total     = true
playbook  = "industry-content"
limits    = { min_members = 1, max_change = 0.30 }
+++
The CRM's industry as it stands there: no closed set of labels, a new industry is no fault. `unknown` where the field is empty.
*/
SELECT account_id,
       COALESCE(industry, 'unknown') AS segment
FROM feature.account
