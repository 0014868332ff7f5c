/*
+++
title     = "Renewal due"
owner     = "customer-success"
tags      = ["renewal", "core"]
labels    = ["overdue", "due_15", "due_30", "due_90"]
exclusive = true
playbook  = "renewal-follow-up"
limits    = { max_change = 0.75 }        # renewals come in waves: a quarter's end may well double it in a small company
+++
Open contracts by days left; of several the earliest counts. 90 days is when the talk begins, 30 when an offer is out, 15 when
somebody calls. `overdue`: the term is over, and nobody has cancelled or renewed. An account stays until it has renewed.
*/
SELECT account_id,
       renewal_window(renewal_date, as_of(), [15, 30, 90]) AS segment,
       arr                                                 AS score,
       renewal_date,
       days_to_renewal
FROM feature.account
