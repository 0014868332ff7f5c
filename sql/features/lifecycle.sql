-- Where each live account stands on its way with us, from the first subscription it ever had, in calendar months: who started on
-- the 31st of January is three months with us on the 30th of April.
SELECT account_id,
       first_started_on,
       as_of() - first_started_on AS customer_age_days,
       CASE WHEN as_of() < first_started_on + INTERVAL '3 months'  THEN 'onboarding'
            WHEN as_of() < first_started_on + INTERVAL '12 months' THEN 'adopting'
            WHEN as_of() < first_started_on + INTERVAL '36 months' THEN 'established'
            ELSE 'veteran' END    AS stage
FROM feature.contract
