-- One row per user: the account of the newest call of `group`, or else the newest trait account_id of `identify`.
WITH said AS (
    SELECT user_id, group_id AS account_id, received_at, id, 1 AS trust FROM raw.segment_groups
    UNION ALL
    SELECT user_id, account_id, received_at, id, 0 AS trust FROM raw.segment_identifies
)
SELECT user_id,
       first_value(account_id ORDER BY trust DESC, received_at DESC, id) AS account_id
FROM said
WHERE user_id IS NOT NULL
  AND NULLIF(trim(account_id), '') IS NOT NULL
GROUP BY user_id
