-- title: Open findings of high severity on running instances
-- description: Findings of Security Hub that are new or notified, with the
--   instance, its account and its owner; those that the internet can reach first.
-- param: severity = CRITICAL  severity label
SELECT
  f.severity.label AS severity,
  f.account_id,
  a.name AS account,
  f.region,
  i.instance_id,
  i.tags['owner'] AS owner,
  i.public_ip_address IS NOT NULL AS has_public_ip,
  f.title,
  f.updated_at
FROM aws_securityhub_findings AS f, unnest(f.resources) AS u(resource)
JOIN aws_ec2_instances AS i ON i.arn = u.resource.id
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = f.account_id
WHERE f.severity.label = $severity
  AND f.workflow.status IN ('NEW', 'NOTIFIED')
  AND i.state.name = 'running'
ORDER BY has_public_ip DESC, f.updated_at DESC, f.id
