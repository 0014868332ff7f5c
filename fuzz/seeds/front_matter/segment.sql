/*
+++
title = "Renewal due"
owner = "cs-ops"
tags = ["sales"]
labels = ["overdue", "due_15"]
exclusive = true
total = true
group = "g"
priority = 10
playbook = "renewal-follow-up"
severity = "warn"
limits = { min_members = 1, max_members = 9, max_change = 0.30 }
allow = ["float_sum"]
+++
Open contracts by days left.
*/
WITH a AS (SELECT * FROM staging.x) SELECT account_id, renewal_window(renewal_date, as_of(), [15, 30]) AS segment
FROM feature.account AS f JOIN a USING (account_id) WHERE n IN (SELECT n FROM raw.y) QUALIFY row_number() OVER (ORDER BY n) = 1