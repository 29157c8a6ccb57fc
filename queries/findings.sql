-- title: Open findings of high severity on instances with a public address
-- description: Findings of Security Hub that are new or notified, on running
--   instances with a public address, with the account and the owner.
-- param: severity = CRITICAL  severity label
WITH findings AS (
  SELECT id, account_id, region, title, updated_at, severity.label AS severity, unnest(resources).id AS resource
  FROM aws_securityhub_findings
  WHERE severity.label = $severity AND workflow.status IN ('NEW', 'NOTIFIED')
)
SELECT
  f.severity,
  f.account_id,
  a.name AS account,
  f.region,
  i.instance_id,
  i.tags['owner'] AS owner,
  i.public_ip_address,
  f.title,
  f.updated_at
FROM findings AS f
JOIN aws_ec2_instances AS i ON i.arn = f.resource
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = f.account_id
WHERE i.state.name = 'running' AND i.public_ip_address IS NOT NULL
ORDER BY f.updated_at DESC, f.id, i.instance_id
