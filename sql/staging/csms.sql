-- One row per customer success manager, by the name that the CRM's accounts have for them. Regions are the bands of
-- staging/countries.sql, languages ISO 639-1.
SELECT trim(csm)            AS csm,
       lower(trim(region))  AS region,
       languages,
       hours_per_week,
       active
FROM raw.csms
