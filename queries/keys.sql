-- title: Keys of your own without rotation
-- description: Enabled symmetric KMS keys that the customer manages, whose
--   material AWS makes, and which it is not asked to rotate, with their aliases.
--   Keys whose rotation could not be read are left out.
SELECT
  k.account_id,
  a.name AS account,
  k.region,
  k.key_id,
  list_transform(k.aliases, x -> x.alias_name) AS aliases,
  k.tags['owner'] AS owner,
  k.creation_date,
  date_diff('day', k.creation_date, now()) AS days_old
FROM aws_kms_keys AS k
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = k.account_id
WHERE k.key_manager = 'CUSTOMER' AND k.key_state = 'Enabled'
  AND k.key_spec = 'SYMMETRIC_DEFAULT' AND k.origin = 'AWS_KMS'
  AND k.key_rotation_enabled IS NOT TRUE
  AND NOT list_contains(k.not_collected, 'key_rotation_enabled')
ORDER BY k.creation_date, k.key_id
