/*
+++
title     = "RFM"
owner     = "marketing"
tags      = ["purchases", "core"]
labels    = ["Champions", "Loyal", "Potential Loyalist", "Recent", "Promising", "Needs Attention", "About To Sleep", "At Risk", "Can't Lose", "Hibernating", "Lost"]
exclusive = true
playbook  = "campaigns-by-rfm"
limits    = { max_change = 0.30 }        # no minimum: a company without orders and invoices has nobody here
+++
Who bought when, how often and for how much, against all others: 11 names over recency and the mean of frequency and money.
Accounts without a purchase are not in it. The scores are in features/rfm.sql.
*/
SELECT account_id,
       rfm_segment(r, f, m) AS segment,
       monetary             AS score,
       r,
       f,
       m,
       rfm_cell(r, f, m)    AS cell,
       recency_days,
       frequency
FROM feature.rfm
