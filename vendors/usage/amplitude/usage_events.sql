-- One row per event of a known account: the group account_id of the event, a text or a list of one, or else the user's property
-- of that name: change the names here. Events of nobody we know are no usage of a customer and are left out.
-- $identify and $groupidentify only say who somebody is. occurred_at: no later than it was received, whatever the device's
-- clock says. occurred_on is the day in the project's time zone, as everywhere. feature is the event: plan_features names events.
SELECT *,
       CAST(occurred_at AS DATE) AS occurred_on
FROM (
    SELECT COALESCE(
               NULLIF(trim(regexp_match(groups, '"account_id"\s*:\s*\[?\s*(?:"([^"]*)"|(\d+))')[1]), ''),
               NULLIF(trim(regexp_match(user_properties, '"account_id"\s*:\s*\[?\s*(?:"([^"]*)"|(\d+))')[1]), '')
           )                                         AS account_id,
           user_id,
           least(event_time, server_received_time)   AS occurred_at,
           event_type                                AS feature,
           1                                         AS quantity
    FROM raw.amplitude_event
    WHERE (event_type IS NULL OR event_type NOT IN ('$identify', '$groupidentify'))
)
WHERE account_id IS NOT NULL
