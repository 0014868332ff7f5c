/*
+++
title    = "Product"
owner    = "product"
tags     = ["contract", "core"]
playbook = "product-communication"
limits   = { max_change = 0.30 }
+++
One row per product in use, of all live subscriptions of an account: who hears of a change to it. Products come and go: no closed
set of labels. Where the contracts name none, an account is in none.
*/
SELECT account_id,
       unnest(products) AS segment,
       seats
FROM feature.account
