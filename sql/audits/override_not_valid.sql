/*
+++
title    = "Every override says a score from 0 to 100, a band, or both"
severity = "warn"
+++
Such a row is passed over, and the computed health counts. Mend it where it was entered.
*/
SELECT account_id,
       score,
       band,
       author
FROM staging.overrides
WHERE valid = FALSE
  AND expires_on > as_of()
ORDER BY account_id
