/*
+++
title    = "Every live subscription has an account in the CRM"
severity = "warn"
+++
Somebody pays, and the CRM does not know them: no industry, no manager, no name. They are counted all the same.
*/
SELECT c.account_id,
       c.arr
FROM feature.contract AS c
LEFT JOIN staging.accounts AS a ON a.account_id = c.account_id
WHERE a.account_id IS NULL
ORDER BY c.account_id
