-- title: Public load balancers with certificates that have expired or soon will
-- description: Listeners of internet-facing load balancers whose certificate is
--   no longer valid, or will not be in some days, the worst first. Certificates
--   that are not in Certificate Manager are not known.
-- param: days = 30  days that are left
SELECT
  l.account_id,
  a.name AS account,
  l.region,
  b.load_balancer_name,
  l.protocol,
  l.port,
  c.domain_name,
  c.not_after,
  date_diff('day', now(), c.not_after) AS days_left,
  c.renewal_eligibility,
  c.arn AS certificate
FROM (SELECT account_id, region, load_balancer_arn, protocol, port, unnest(certificates).certificate_arn AS certificate_arn FROM aws_elbv2_listeners) AS l
JOIN aws_elbv2_load_balancers AS b ON b.arn = l.load_balancer_arn
JOIN aws_acm_certificates AS c ON c.arn = l.certificate_arn
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = l.account_id
WHERE b.scheme = 'internet-facing' AND c.not_after < now() + to_days($days::INTEGER)
ORDER BY c.not_after, b.load_balancer_name, l.port
