-- One row per account that is not deleted. Merged accounts are deleted ones.
-- csm: a field of your own, or else the owner's name. An owner whom the extract of users lacks is not known: NULL.
-- employees_a_year_ago and time_zone: Salesforce does not say. The time zone of an owner is not that of the customer.
SELECT a.id                                                                AS account_id,
       a.name,
       NULLIF(trim(a.industry), '')                                        AS industry,
       -- The code is there where state and country picklists are on. A name is no code: not known.
       CASE
           WHEN length(trim(a.billing_country_code)) = 2 THEN upper(trim(a.billing_country_code))
           WHEN length(trim(a.billing_country)) = 2 THEN upper(trim(a.billing_country))
       END                                                                 AS country,
       CAST(NULL AS TEXT)                                                  AS time_zone,
       a.number_of_employees                                               AS employees,
       CAST(NULL AS BIGINT)                                                AS employees_a_year_ago,
       NULLIF(trim(a.parent_id), '')                                       AS parent_account_id,
       COALESCE(NULLIF(trim(a.csm_c), ''), NULLIF(trim(u.name), ''))       AS csm,
       NULLIF(trim(a.use_case_c), '')                                      AS use_case,
       -- A picklist of several values is one text with semicolons: `Save time;Cut costs`.
       string_to_array(replace(lower(NULLIF(trim(a.desired_outcomes_c), '')), ' ', '_'), ';') AS desired_outcomes,
       NULLIF(trim(a.persona_c), '')                                       AS persona,
       a.created_date                                                      AS created_at
FROM raw.salesforce_account AS a
LEFT JOIN raw.salesforce_user AS u ON u.id = a.owner_id AND CAST(u._fivetran_active AS BOOLEAN) IS NOT FALSE
WHERE CAST(a.is_deleted AS BOOLEAN) IS NOT TRUE
  AND CAST(a._fivetran_active AS BOOLEAN) IS NOT FALSE
