-- What a person knows better than the health score, one row per account. Expired ones are here too: feature.health decides.
-- valid: it says a score, a band or both, and nothing else. A slip of one person neither counts nor stops the night;
-- audits/override_not_valid.sql tells it.
WITH cleaned AS (
    SELECT account_id,
           score,
           NULLIF(lower(trim(band)), '') AS band,
           author,
           reason,
           expires_on
    FROM raw.overrides
)
SELECT *,
       (score IS NOT NULL OR band IS NOT NULL)
           AND (score IS NULL OR score BETWEEN 0 AND 100)
           AND (band IS NULL OR band IN ('good', 'average', 'poor', 'unknown')) AS valid
FROM cleaned
