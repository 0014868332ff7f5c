-- All that is known of each live account in one row: what segments filter, and who is counted (the universe).
-- NULL is "not known" throughout.
SELECT c.account_id,
       -- the CRM
       name,
       industry,
       country,
       time_zone,
       employees,
       employees_a_year_ago,
       parent_account_id,
       csm,
       use_case,
       desired_outcomes,
       persona,
       time_zone_band,
       employees_growth_12m,
       -- the contract
       lifecycle.first_started_on,
       customer_age_days,
       stage,
       subscriptions,
       plan,
       products,
       seats,
       arr,
       arr_fifth,
       -- renewal
       renewal.renewal_date,
       days_to_renewal,
       renewal.renewed_on,
       days_since_renewal,
       -- usage and adoption
       usage_known,
       last_active_on,
       active_days_7,
       active_days_30,
       active_days_90,
       active_users_30,
       seats_used,
       usage_trend_30,
       adoption.adoption,
       features_entitled,
       features_used,
       features_unused,
       -- support and sentiment
       open_tickets,
       open_escalations,
       escalations_90,
       oldest_open_ticket_days,
       satisfaction,
       nps,
       csat,
       -- money
       overdue_amount,
       overdue_days,
       failed_payments_12m,
       arr_a_year_ago,
       expansion_12m,
       cost_12m,
       margin,
       recency_days,
       frequency,
       monetary,
       -- what follows from all that
       health_score,
       health_band,
       health.coverage AS health_coverage,
       health.weakest  AS health_weakest,
       overridden      AS health_overridden,
       churn_score,
       growth_signs,
       care_points,
       care_level
FROM feature.contract AS c
-- ON, not USING: the engine takes the key of a third USING for ambiguous.
LEFT JOIN staging.accounts ON accounts.account_id = c.account_id
JOIN feature.renewal       ON renewal.account_id = c.account_id
JOIN feature.usage         ON usage.account_id = c.account_id
JOIN feature.adoption      ON adoption.account_id = c.account_id
JOIN feature.support       ON support.account_id = c.account_id
JOIN feature.sentiment     ON sentiment.account_id = c.account_id
JOIN feature.billing       ON billing.account_id = c.account_id
JOIN feature.profit        ON profit.account_id = c.account_id
JOIN feature.rfm           ON rfm.account_id = c.account_id
JOIN feature.health        ON health.account_id = c.account_id
JOIN feature.churn         ON churn.account_id = c.account_id
JOIN feature.lifecycle     ON lifecycle.account_id = c.account_id
JOIN feature.place         ON place.account_id = c.account_id
JOIN feature.potential     ON potential.account_id = c.account_id
JOIN feature.care          ON care.account_id = c.account_id
