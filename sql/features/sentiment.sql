-- What each live account said of us last. Two answers at the same instant: the worse one, so that it is the same every night.
WITH answers AS (
    SELECT account_id,
           first_value(score ORDER BY answered_at DESC, score) FILTER (WHERE kind = 'nps')  AS nps,
           first_value(score ORDER BY answered_at DESC, score) FILTER (WHERE kind = 'csat') AS csat,
           CAST(max(answered_at) AS DATE)                                                   AS last_answer_on
    FROM staging.surveys
    WHERE kind IN ('nps', 'csat')
    GROUP BY account_id
)
SELECT account_id,
       nps,
       csat,
       last_answer_on
FROM feature.contract
LEFT JOIN answers USING (account_id)
