-- One row per ticket of a known account that is not deleted: the ticket's organization, or else the requester's. Tickets of
-- nobody we know are left out.
-- closed_at: since when it is solved or closed without having been opened again. Without a history of its status it is the
-- ticket's last change, which is masked: what changed after the night counts as open.
-- escalated_at: when it first became urgent. Zendesk has no word of its own for an escalation.
-- satisfaction: good is 5 and bad is 1, for Zendesk asks no more. Offered and not answered is not known.
WITH reopened AS (
    SELECT ticket_id,
           max(updated) AS last_open_at
    FROM raw.zendesk_ticket_field_history
    WHERE field_name = 'status'
      AND value IS NOT NULL
      AND value NOT IN ('solved', 'closed')
    GROUP BY ticket_id
),
history AS (
    SELECT h.ticket_id,
           count(*) FILTER (WHERE h.field_name = 'status') AS statuses,
           min(h.updated) FILTER (WHERE h.field_name = 'status' AND h.value IN ('solved', 'closed')
                                    AND (r.last_open_at IS NULL OR h.updated > r.last_open_at)) AS closed_at,
           min(h.updated) FILTER (WHERE h.field_name = 'priority' AND h.value = 'urgent')       AS urgent_at,
           last_value(h.value ORDER BY h.updated, h.value)
               FILTER (WHERE h.field_name = 'satisfaction_score')                               AS rating
    FROM raw.zendesk_ticket_field_history AS h
    LEFT JOIN reopened AS r ON r.ticket_id = h.ticket_id
    GROUP BY h.ticket_id
)
SELECT CAST(t.id AS TEXT)                                      AS ticket_id,
       NULLIF(trim(o.external_id), '')                         AS account_id,
       t.created_at                                            AS opened_at,
       CASE
           WHEN h.statuses > 0 THEN h.closed_at
           WHEN t.status IN ('solved', 'closed') THEN t.updated_at
       END                                                     AS closed_at,
       h.urgent_at                                             AS escalated_at,
       t.priority,
       CASE h.rating WHEN 'good' THEN 5 WHEN 'bad' THEN 1 END  AS satisfaction
FROM raw.zendesk_ticket AS t
LEFT JOIN raw.zendesk_user AS u ON u.id = t.requester_id
JOIN raw.zendesk_organization AS o ON o.id = COALESCE(t.organization_id, u.organization_id)
LEFT JOIN history AS h ON h.ticket_id = t.id
WHERE (t.status IS DISTINCT FROM 'deleted')
  AND CAST(t._fivetran_deleted AS BOOLEAN) IS NOT TRUE
  AND NULLIF(trim(o.external_id), '') IS NOT NULL
