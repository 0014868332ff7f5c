-- One row per customer of Stripe: the account that it belongs to. Its metadata has your account's id under account_id or
-- external_id: change the names here. Metadata has no values but texts, so that the pattern finds what a JSON parser would.
-- A customer without one keeps Stripe's id: audits/subscription_without_account.sql tells whom the CRM does not know.
-- Deleted customers stay: what they had paid until then is true.
SELECT id                                                                       AS customer_id,
       COALESCE(
           NULLIF(trim(regexp_match(metadata, '"(account_id|external_id)"\s*:\s*"([^"]*)"')[2]), ''),
           id
       )                                                                        AS account_id
FROM raw.stripe_customer
