-- One row per ticket of a known account that is neither deleted nor spam. Tickets of nobody we know are left out.
-- account_id: a text or a number in JSON. regexp_match returns the groups that matched: [1] is either.
-- closed_at: resolved, or closed at once; a ticket that is open again has none.
-- escalated_at: an escalation goes out when the time to resolve is over. The extract says that it did, and due_by says when.
-- satisfaction: not in this extract, so not known.
WITH accounts AS (
    SELECT id,
           COALESCE(
               NULLIF(trim(custom_account_id), ''),
               NULLIF(trim(regexp_match(custom_fields, '"account_id"\s*:\s*(?:"([^"]*)"|(\d+))')[1]), '')
           ) AS account_id
    FROM raw.freshservice_department
)
SELECT CAST(t.id AS TEXT)                                                                  AS ticket_id,
       a.account_id,
       t.created_at                                                                        AS opened_at,
       CASE WHEN t.status IN (4, 5) THEN COALESCE(t.stats_resolved_at, t.stats_closed_at) END AS closed_at,
       CASE WHEN CAST(t.is_escalated AS BOOLEAN) AND t.due_by < as_of_end() THEN t.due_by END               AS escalated_at,
       CASE t.priority WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' WHEN 4 THEN 'urgent' END AS priority,
       CAST(NULL AS BIGINT)                                                                AS satisfaction
FROM raw.freshservice_ticket AS t
JOIN accounts AS a ON a.id = t.department_id
WHERE a.account_id IS NOT NULL
  AND CAST(t.deleted AS BOOLEAN) IS NOT TRUE
  AND CAST(t.spam AS BOOLEAN) IS NOT TRUE
