-- One row per customer of Chargebee: the account that it belongs to. A custom field cf_account_id has its id, or the meta data
-- under account_id: change the names here. It is a text or a number there: regexp_match returns the groups that matched, so that
-- [1] is either. A customer without one keeps Chargebee's id: audits/subscription_without_account.sql tells whom the CRM does not
-- know. Deleted customers stay: what they had paid until then is true.
SELECT id                                                                       AS customer_id,
       COALESCE(
           NULLIF(trim(cf_account_id), ''),
           NULLIF(trim(regexp_match(meta_data, '"account_id"\s*:\s*(?:"([^"]*)"|(\d+))')[1]), ''),
           id
       )                                                                        AS account_id
FROM raw.chargebee_customer
