-- One row per customer success manager.
SELECT csm,
       region,
       languages,
       hours_per_week,
       active
FROM raw.csms
