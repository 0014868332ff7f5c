/*
+++
title    = "Adoption gap"
owner    = "product"
tags     = ["adoption", "core"]
playbook = "show-the-feature"
limits   = { max_change = 0.30 }
+++
One row per feature that an account pays for and has not used in the last 90 days: what to show to whom. Features come and go: no
closed set of labels. Where adoption is not known, nothing is called unused.
*/
SELECT account_id,
       unnest(features_unused) AS segment,
       adoption                AS score
FROM feature.account
