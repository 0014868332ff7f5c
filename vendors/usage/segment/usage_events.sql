-- One row per tracked event of a known account: what the event itself says, or else the account of its user. Events of nobody we
-- know (visitors before they sign in) are no usage of a customer and are left out.
-- occurred_at: no later than it was received, whatever the device's clock says. One event is one use.
-- occurred_on is the day in the project's time zone, as everywhere. feature is the event: plan_features names events.
SELECT *,
       CAST(occurred_at AS DATE) AS occurred_on
FROM (
    SELECT COALESCE(NULLIF(trim(t.context_group_id), ''), u.account_id) AS account_id,
           t.user_id,
           least(t.timestamp, t.received_at)                            AS occurred_at,
           t.event                                                      AS feature,
           1                                                            AS quantity
    FROM raw.segment_tracks AS t
    LEFT JOIN staging.segment_users AS u ON u.user_id = t.user_id
)
WHERE account_id IS NOT NULL
