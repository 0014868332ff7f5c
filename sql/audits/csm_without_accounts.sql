/*
+++
title    = "Every customer success manager has accounts"
severity = "warn"
+++
Somebody is paid to look after customers and has none, or is written another way in the CRM than in the list of managers.
*/
SELECT csm,
       region,
       hours_per_week
FROM feature.csm_book
WHERE listed
  AND active
  AND accounts = 0
ORDER BY csm
