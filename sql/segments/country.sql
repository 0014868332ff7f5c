/*
+++
title     = "Country"
owner     = "marketing"
tags      = ["firmographics", "core"]
exclusive = true
total     = true
playbook  = "country-content"
limits    = { min_members = 1, max_change = 0.30 }
+++
The CRM's country (ISO 3166-1 alpha-2), for language, law and holidays: no closed set of labels, a new country is no fault.
`unknown` where the field is empty.
*/
SELECT account_id,
       COALESCE(country, 'unknown') AS segment
FROM feature.account
