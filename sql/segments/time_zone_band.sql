/*
+++
title     = "Time zone band"
owner     = "marketing"
tags      = ["firmographics", "core"]
labels    = ["americas", "emea", "apac", "unknown"]
exclusive = true
total     = true
playbook  = "send-in-the-morning"
limits    = { min_members = 1, max_change = 0.30 }
+++
When to send and who is at work: three bands of about eight hours, as support shifts follow the sun. From the CRM's time zone,
else from the country (features/place.sql). `unknown` where neither tells.
*/
SELECT account_id,
       COALESCE(time_zone_band, 'unknown') AS segment,
       time_zone,
       country
FROM feature.account
