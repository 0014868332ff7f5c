-- What a person knows better than the health score, one row per account. Expired ones are here too: feature.health decides.
SELECT account_id,
       score,
       lower(trim(band)) AS band,
       author,
       reason,
       expires_on
FROM raw.overrides
