/*
+++
title     = "Use case"
owner     = "product"
tags      = ["use", "core"]
exclusive = true
total     = true
playbook  = "use-case-content"
limits    = { min_members = 1, max_change = 0.30 }
+++
What an account bought the product for, as the CRM has it: whose examples and templates it should see. No closed set of labels.
`unknown` where nobody asked.
*/
SELECT account_id,
       COALESCE(use_case, 'unknown') AS segment
FROM feature.account
