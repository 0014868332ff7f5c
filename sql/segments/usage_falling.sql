/*
+++
title    = "Usage falling"
owner    = "customer-success"
tags     = ["usage", "core"]
playbook = "ask-what-changed"
limits   = { max_change = 0.75 }         # holidays take a whole company away at once
severity = "warn"
+++
Accounts that used the product more than 30 % less in the last 30 days than in the 30 before. Less than that is what a month with
fewer working days or a week of holidays makes by itself. Who used nothing before has no trend, and is not here.
*/
SELECT account_id,
       usage_trend_30 AS score,
       active_days_30,
       last_active_on
FROM feature.account
WHERE usage_trend_30 < -0.30
