/*
+++
title    = "Every desired outcome is of the known set"
severity = "warn"
+++
The CRM has an outcome for which nobody has written a success plan, or one that is spelled otherwise: it is in no segment. Mend it
there, or add it to staging/outcomes.sql and to the labels of segments/desired_outcome.sql.
*/
WITH wanted AS (
    SELECT DISTINCT account_id,
           lower(trim(unnest(desired_outcomes))) AS outcome
    FROM feature.account
)
SELECT wanted.outcome,
       count(*) AS accounts
FROM wanted
LEFT JOIN staging.outcomes AS known ON known.outcome = wanted.outcome
WHERE known.outcome IS NULL
  AND wanted.outcome IS NOT NULL
GROUP BY wanted.outcome
ORDER BY wanted.outcome
