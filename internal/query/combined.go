package query

import "strings"

// A combined view answers one question over several tables. Its columns are
// always the same: a table that the warehouse does not have is one without rows.
type combined struct {
	name   string
	inputs []input
	sql    string // over the inputs by their names
}

// input is a table as far as a combined view looks at it.
type input struct {
	name, table string
	columns     []inputColumn
}

// inputColumn is an expression over the table, and what it is called and is.
type inputColumn struct{ name, kind, expression string }

func (i input) sql(there bool) string {
	var columns []string
	for _, c := range i.columns {
		expression := c.expression
		if !there {
			expression = "NULL"
		}
		columns = append(columns, "CAST("+expression+" AS "+c.kind+") AS "+c.name)
	}
	sql := "SELECT " + strings.Join(columns, ", ")
	if there {
		return sql + " FROM " + quoteName(i.table)
	}
	return sql + " WHERE false"
}

// CombinedViews are the views over several of the tables.
func CombinedViews(tables []Table) []View {
	there := map[string]bool{}
	for _, t := range tables {
		there[t.Name] = there[t.Name] || t.Newest
	}
	var views []View
	for _, c := range []combined{devices, users} {
		if v, ok := c.view(there); ok {
			views = append(views, v)
		}
	}
	return views
}

// view is the view over the tables that are there; it is none where there is
// none of them.
func (c combined) view(there map[string]bool) (View, bool) {
	var with []string
	some := false
	for _, i := range c.inputs {
		with = append(with, i.name+" AS ("+i.sql(there[i.table])+")")
		some = some || there[i.table]
	}
	return View{Name: c.name, SQL: "WITH " + strings.Join(with, ", ") + " " + c.sql}, some
}

// texts makes text columns of the same name as theirs in the table.
func texts(names ...string) []inputColumn { return typed("VARCHAR", names...) }

func times(names ...string) []inputColumn { return typed("TIMESTAMPTZ", names...) }

func typed(kind string, names ...string) []inputColumn {
	var columns []inputColumn
	for _, name := range names {
		columns = append(columns, inputColumn{name, kind, name})
	}
	return columns
}

const tagMap = "MAP(VARCHAR, VARCHAR)"

func columns(lists ...[]inputColumn) (all []inputColumn) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

var standard = columns(texts("partition", "account_id", "region", "source"), times("extracted_at"))

// devices are machines: the instances of EC2, and those that Systems Manager's
// agent runs on. One that both know is one row.
var devices = combined{
	name: "devices",
	inputs: []input{
		{"machines", "aws_ec2_instances", columns(standard, texts("arn", "instance_id", "instance_type", "image_id", "vpc_id", "subnet_id", "private_ip_address", "public_ip_address", "private_dns_name", "platform_details", "architecture"),
			times("launch_time"), []inputColumn{{"tags", tagMap, "tags"}, {"state", "VARCHAR", "state.name"}, {"role_arn", "VARCHAR", "iam_instance_profile.arn"}})},
		{"managed", "aws_ssm_managed_instances", columns(standard, texts("arn", "instance_id", "ec2_instance_id", "computer_name", "ip_address", "name", "ping_status", "platform_type", "platform_name", "platform_version", "agent_version"),
			times("last_ping_date_time", "registration_date"), []inputColumn{{"tags", tagMap, "tags"}, {"missing_patches", "INTEGER", "patch_state.missing_count"}, {"failed_patches", "INTEGER", "patch_state.failed_count"}})},
	},
	sql: `SELECT CASE WHEN m.instance_id IS NULL THEN 'ssm' ELSE 'ec2' END AS kind,
	coalesce(m.partition, s.partition) AS partition, coalesce(m.account_id, s.account_id) AS account_id, coalesce(m.region, s.region) AS region,
	coalesce(m.arn, s.arn) AS arn, coalesce(m.instance_id, s.instance_id) AS device_id,
	coalesce(m.tags['Name'], s.computer_name, s.name) AS name, coalesce(m.tags, s.tags) AS tags,
	m.state AS state, s.instance_id IS NOT NULL AS is_managed, s.ping_status AS ping_status, s.last_ping_date_time AS last_seen_at, s.agent_version AS agent_version,
	coalesce(s.platform_type, CASE WHEN m.platform_details ILIKE '%windows%' THEN 'Windows' WHEN m.platform_details IS NOT NULL THEN 'Linux' END) AS platform,
	s.platform_name AS platform_name, s.platform_version AS platform_version, m.architecture AS architecture,
	coalesce(s.computer_name, m.private_dns_name) AS host_name, coalesce(m.private_ip_address, s.ip_address) AS private_ip_address, m.public_ip_address AS public_ip_address,
	m.instance_type AS instance_type, m.image_id AS image_id, m.vpc_id AS vpc_id, m.subnet_id AS subnet_id, m.role_arn AS instance_profile_arn,
	coalesce(m.launch_time, s.registration_date) AS first_seen_at, s.missing_patches AS missing_patches, s.failed_patches AS failed_patches,
	coalesce(m.source, s.source) AS source, greatest(m.extracted_at, s.extracted_at) AS extracted_at
FROM machines m FULL JOIN managed s ON m.account_id = s.account_id AND m.region = s.region AND m.instance_id = s.ec2_instance_id`,
}

// users are people and programs that can sign in: of IAM, of Identity Center, of
// user pools of Cognito and of instances of Connect.
var users = combined{
	name: "users",
	inputs: []input{
		{"iam", "aws_iam_users", columns(standard, texts("arn", "user_id", "user_name"), times("create_date", "password_last_used"), []inputColumn{{"tags", tagMap, "tags"}})},
		{"keys", "aws_iam_access_keys", columns(texts("account_id", "user_name", "status"), times("last_used_date"))},
		{"reports", "aws_iam_credential_reports", columns(texts("account_id", "arn"), typed("BOOLEAN", "password_enabled", "mfa_active"))},
		{"center", "aws_identitystore_users", columns(standard, texts("arn", "identity_store_id", "user_id", "user_name", "display_name", "user_status"), times("created_at"),
			[]inputColumn{{"email", "VARCHAR", "coalesce(list_filter(emails, lambda e: e.primary)[1].value, emails[1].value)"}})},
		{"pools", "aws_cognito_users", columns(standard, texts("user_pool_id", "username", "sub", "user_status"), times("user_create_date"),
			[]inputColumn{{"enabled", "BOOLEAN", "enabled"}, {"email", "VARCHAR", "standard_attributes['email']"}, {"full_name", "VARCHAR", "standard_attributes['name']"}})},
		{"agents", "aws_connect_users", columns(standard, texts("arn", "id", "instance_id", "username"), times("last_modified_time"),
			[]inputColumn{{"tags", tagMap, "tags"}, {"email", "VARCHAR", "identity_info.email"}, {"first_name", "VARCHAR", "identity_info.first_name"}, {"last_name", "VARCHAR", "identity_info.last_name"}})},
	},
	sql: `, of_keys AS (SELECT account_id, user_name, max(last_used_date) AS last_used_date, bool_or(status = 'Active') AS has_active FROM keys GROUP BY ALL)
SELECT 'iam' AS kind, i.partition AS partition, i.account_id AS account_id, i.region AS region, i.arn AS arn, i.tags AS tags,
	CAST(NULL AS VARCHAR) AS directory_id, i.user_id AS user_id, i.user_name AS user_name, i.user_name AS name, CAST(NULL AS VARCHAR) AS email,
	CASE WHEN r.password_enabled OR k.has_active THEN 'active' WHEN r.arn IS NOT NULL THEN 'no credentials' END AS status, r.mfa_active AS mfa_active,
	i.create_date AS created_at, greatest(i.password_last_used, k.last_used_date) AS last_used_at, i.source AS source, i.extracted_at AS extracted_at
FROM iam i LEFT JOIN of_keys k ON k.account_id = i.account_id AND k.user_name = i.user_name LEFT JOIN reports r ON r.account_id = i.account_id AND r.arn = i.arn
UNION ALL SELECT 'identity_center', partition, account_id, region, arn, NULL, identity_store_id, user_id, user_name, coalesce(display_name, user_name), email,
	CASE user_status WHEN 'ENABLED' THEN 'active' WHEN 'DISABLED' THEN 'disabled' ELSE lower(user_status) END, NULL, created_at, NULL, source, extracted_at FROM center
UNION ALL SELECT 'cognito', partition, account_id, region, NULL, NULL, user_pool_id, coalesce(sub, username), username, coalesce(full_name, username), email,
	CASE WHEN NOT enabled THEN 'disabled' WHEN user_status IN ('CONFIRMED', 'EXTERNAL_PROVIDER') THEN 'active' ELSE lower(user_status) END, NULL, user_create_date, NULL, source, extracted_at FROM pools
UNION ALL SELECT 'connect', partition, account_id, region, arn, tags, instance_id, id, username, coalesce(nullif(trim(concat_ws(' ', first_name, last_name)), ''), username), email,
	'active', NULL, NULL, NULL, source, extracted_at FROM agents`,
}
