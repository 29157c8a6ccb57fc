-- title: Access keys that nobody has used for a long time
-- description: Active keys whose last use, or creation where they were never
--   used, is long ago, with the rights of their users.
-- param: days = 365  days without use
SELECT
  k.account_id,
  a.name AS account,
  k.user_name,
  k.access_key_id,
  k.create_date,
  k.last_used_date,
  date_diff('day', coalesce(k.last_used_date, k.create_date), now()) AS days_unused,
  u.group_list AS groups,
  list_transform(u.attached_managed_policies, p -> p.policy_name) AS policies
FROM aws_iam_access_keys AS k
LEFT JOIN aws_iam_users AS u ON u.account_id = k.account_id AND u.user_name = k.user_name
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = k.account_id
WHERE k.status = 'Active'
  AND NOT list_contains(k.not_collected, 'last_used_date')
  AND coalesce(k.last_used_date, k.create_date) < now() - to_days($days::INTEGER)
ORDER BY days_unused DESC, k.access_key_id
