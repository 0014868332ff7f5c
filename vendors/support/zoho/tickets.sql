-- One row per ticket of a known account that is neither in the bin nor spam. Tickets of nobody we know are left out.
-- cf_account_id: a text or a number in JSON. regexp_match returns the groups that matched: [1] is either.
-- escalated_at: an escalation goes out when a ticket is overdue. The extract says that it did, and dueDate says when.
-- satisfaction: not in this extract, so not known.
WITH accounts AS (
    SELECT id,
           NULLIF(trim(regexp_match(cf, '"cf_account_id"\s*:\s*(?:"([^"]*)"|(\d+))')[1]), '') AS account_id
    FROM raw.zoho_account
)
SELECT t.id                                                                             AS ticket_id,
       a.account_id,
       t."createdTime"                                                                  AS opened_at,
       t."closedTime"                                                                   AS closed_at,
       CASE WHEN CAST(t."isEscalated" AS BOOLEAN) AND t."dueDate" < as_of_end() THEN t."dueDate" END     AS escalated_at,
       lower(t.priority)                                                                AS priority,
       CAST(NULL AS BIGINT)                                                             AS satisfaction
FROM raw.zoho_ticket AS t
JOIN accounts AS a ON a.id = t."accountId"
WHERE a.account_id IS NOT NULL
  AND CAST(t."isTrashed" AS BOOLEAN) IS NOT TRUE
  AND CAST(t."isSpam" AS BOOLEAN) IS NOT TRUE
