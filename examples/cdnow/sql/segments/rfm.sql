/*
+++
title     = "RFM"
owner     = "marketing"
labels    = ["Champions", "Loyal", "Potential Loyalist", "Recent", "Promising", "Needs Attention", "About To Sleep", "At Risk", "Can't Lose", "Hibernating", "Lost"]
exclusive = true
total     = true
playbook  = "campaigns-by-rfm"
limits    = { min_members = 1, max_change = 0.10 }
+++
Who bought when, how often and for how much, against all others: 11 names over recency and the mean of frequency and money.
*/
SELECT customer_id,
       rfm_segment(r, f, m) AS segment,
       monetary             AS score,
       r,
       f,
       m,
       rfm_cell(r, f, m)    AS cell,
       recency_days,
       frequency,
       monetary
FROM feature.rfm
