-- What each live account asks of support. No ticket while others have some means no trouble known to us: 0 open, no rating.
-- Without a ticket of any live account, support is not delivered and all is NULL.
WITH asked AS (
    SELECT account_id                                                            AS asked_by,
           count(*) FILTER (WHERE closed_at IS NULL)                             AS still_open,
           count(*) FILTER (WHERE closed_at IS NULL AND escalated_at IS NOT NULL) AS open_escalated,
           count(*) FILTER (WHERE CAST(escalated_at AS DATE) > as_of() - 90)     AS escalated_90,
           CAST(min(opened_at) FILTER (WHERE closed_at IS NULL) AS DATE)         AS oldest_open_on,
           sum(satisfaction) FILTER (WHERE CAST(closed_at AS DATE) > as_of() - 90)   AS rating_sum_90,
           count(satisfaction) FILTER (WHERE CAST(closed_at AS DATE) > as_of() - 90) AS ratings_90
    FROM staging.tickets
    GROUP BY account_id
),
live AS (
    SELECT *,
           count(asked_by) OVER () > 0 AS support_known
    FROM feature.contract
    LEFT JOIN asked ON asked_by = account_id
)
SELECT account_id,
       CASE WHEN support_known THEN COALESCE(still_open, 0) END      AS open_tickets,
       CASE WHEN support_known THEN COALESCE(open_escalated, 0) END  AS open_escalations,
       CASE WHEN support_known THEN COALESCE(escalated_90, 0) END    AS escalations_90,
       as_of() - oldest_open_on                                      AS oldest_open_ticket_days,
       -- Mean rating of the tickets closed in 90 days, 1..5: what they say of us now, not of the support of two years ago.
       CAST(rating_sum_90 AS DOUBLE) / NULLIF(ratings_90, 0)         AS satisfaction
FROM live
