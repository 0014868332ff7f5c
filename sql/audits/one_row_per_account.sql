/*
+++
title    = "One row per account in feature.account"
severity = "abort"
+++
Every feature joins one to one. A key that comes twice was multiplied by a feature that returns it twice: look for the feature
whose GROUP BY is missing.
*/
SELECT account_id,
       count(*) AS copies
FROM feature.account
GROUP BY account_id
HAVING count(*) > 1
ORDER BY account_id
