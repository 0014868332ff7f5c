-- All that is known of an account, and how well it does.
WITH known AS (
    SELECT a.account_id,
           industry,
           country,
           plan,
           csm,
           employees,
           CAST(as_of_end() AS DATE) - CAST(created_at AS DATE) AS age_days,
           recency_days,
           COALESCE(frequency, 0)                  AS frequency,
           COALESCE(CAST(monetary AS DOUBLE), 0.0) AS monetary,
           r,
           f,
           m,
           COALESCE(failed_90, 0)      AS failed_90,
           COALESCE(active_days_90, 0) AS active_days_90,
           COALESCE(features_90, 0)    AS features_90,
           COALESCE(events_28, 0)      AS events_28,
           COALESCE(events_prev28, 0)  AS events_prev28,
           days_since_active,
           COALESCE(open_tickets, 0)   AS open_tickets,
           COALESCE(tickets_90, 0)     AS tickets_90,
           COALESCE(sev12_90, 0)       AS sev12_90,
           CASE WHEN csat_count > 0 THEN CAST(csat_sum AS DOUBLE) / CAST(csat_count AS DOUBLE) END AS csat_avg,
           mrr,
           seats,
           next_renewal - CAST(as_of_end() AS DATE) AS days_to_renewal,
           nps_last
    FROM raw.accounts AS a
    LEFT JOIN feature.rfm      ON rfm.account_id = a.account_id
    LEFT JOIN feature.usage    ON usage.account_id = a.account_id
    LEFT JOIN feature.support  ON support.account_id = a.account_id
    LEFT JOIN feature.contract ON contract.account_id = a.account_id
    LEFT JOIN feature.survey   ON survey.account_id = a.account_id
),
measured AS (
    SELECT *,
           CASE WHEN r IS NULL                       THEN 'no_orders'
                WHEN r >= 4 AND f >= 4 AND m >= 4    THEN 'champions'
                WHEN f >= 4 AND r >= 3               THEN 'loyal'
                WHEN r >= 4 AND f = 1                THEN 'new'
                WHEN r <= 2 AND f >= 4 AND m >= 4    THEN 'cant_lose'
                WHEN r <= 2 AND f >= 3               THEN 'at_risk'
                WHEN r <= 2 AND f <= 2               THEN 'hibernating'
                WHEN r >= 3 AND f <= 2               THEN 'promising'
                ELSE 'need_attention' END                                                      AS rfm_label,
           CASE WHEN active_days_90 >= 60 THEN 100 ELSE active_days_90 * 100 / 60 END          AS c_usage,
           CASE WHEN features_90 >= 20 THEN 100 ELSE features_90 * 5 END                       AS c_adoption,
           CASE WHEN events_28 = 0                                           THEN 0
                WHEN events_prev28 = 0 OR events_28 * 10 >= events_prev28 * 12 THEN 100
                WHEN events_28 >= events_prev28                              THEN 80
                WHEN events_28 * 10 >= events_prev28 * 8                     THEN 60
                WHEN events_28 * 2 >= events_prev28                          THEN 30
                ELSE 0 END                                                                     AS c_trend,
           GREATEST(0, 100 - 10 * open_tickets - 15 * sev12_90 - CASE WHEN csat_avg < 3 THEN 20 ELSE 0 END) AS c_support,
           CASE WHEN r IS NOT NULL THEN GREATEST(0, 100 - 25 * failed_90) END                  AS c_billing,
           nps_last * 10                                                                       AS c_nps
    FROM known
)
SELECT *,
       CAST(30 * c_usage + 20 * c_adoption + 15 * c_trend + 15 * c_support
            + COALESCE(10 * c_billing, 0) + COALESCE(10 * c_nps, 0) AS DOUBLE)
       / CAST(80 + CASE WHEN c_billing IS NULL THEN 0 ELSE 10 END
                 + CASE WHEN c_nps IS NULL THEN 0 ELSE 10 END AS DOUBLE) AS health
FROM measured
