-- Where each live account stands in its term. Below zero days to renewal: the term is over, and nobody has cancelled.
SELECT account_id,
       renewal_date,
       renewal_date - as_of() AS days_to_renewal,
       renewed_on,
       as_of() - renewed_on   AS days_since_renewal
FROM feature.contract
