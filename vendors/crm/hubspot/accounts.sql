-- One row per company that is not deleted.
-- csm: a property of your own, or else the owner's name. An owner whom the extract of owners lacks is not known: NULL.
-- employees_a_year_ago and time_zone: not in the extract, so not known.
SELECT CAST(c.id AS TEXT)                                   AS account_id,
       c.property_name                                      AS name,
       NULLIF(trim(c.property_industry), '')                AS industry,
       -- A name is no code: not known.
       CASE
           WHEN length(trim(c.property_hs_country_code)) = 2 THEN upper(trim(c.property_hs_country_code))
           WHEN length(trim(c.property_country)) = 2 THEN upper(trim(c.property_country))
       END                                                  AS country,
       CAST(NULL AS TEXT)                                   AS time_zone,
       CAST(c.property_numberofemployees AS BIGINT)         AS employees,
       CAST(NULL AS BIGINT)                                 AS employees_a_year_ago,
       CAST(CAST(c.property_hs_parent_company_id AS BIGINT) AS TEXT) AS parent_account_id,
       COALESCE(
           NULLIF(trim(c.property_csm), ''),
           NULLIF(trim(concat_ws(' ', NULLIF(trim(o.first_name), ''), NULLIF(trim(o.last_name), ''))), '')
       )                                                    AS csm,
       NULLIF(trim(c.property_use_case), '')                AS use_case,
       -- Multiple checkboxes are one text with semicolons: `save_time;cut_costs`.
       string_to_array(replace(lower(NULLIF(trim(c.property_desired_outcomes), '')), ' ', '_'), ';') AS desired_outcomes,
       NULLIF(trim(c.property_persona), '')                 AS persona,
       c.property_createdate                                AS created_at
FROM raw.hubspot_company AS c
LEFT JOIN raw.hubspot_owner AS o ON o.owner_id = CAST(c.property_hubspot_owner_id AS BIGINT)
WHERE CAST(c.is_deleted AS BOOLEAN) IS NOT TRUE
  AND CAST(c._fivetran_deleted AS BOOLEAN) IS NOT TRUE
