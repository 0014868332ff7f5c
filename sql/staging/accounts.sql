-- One row per account of the CRM, as it was on the night (the source is a daily full copy).
-- A blank in a CRM field means that nobody filled it in: not known, so NULL. A label made of it would be a segment of its own.
SELECT account_id,
       name,
       NULLIF(trim(industry), '')       AS industry,
       upper(NULLIF(trim(country), '')) AS country,
       NULLIF(trim(time_zone), '')      AS time_zone,
       employees,
       employees_a_year_ago,
       parent_account_id,
       NULLIF(trim(csm), '')            AS csm,
       NULLIF(trim(use_case), '')       AS use_case,
       desired_outcomes,
       persona,
       created_at
FROM raw.accounts
