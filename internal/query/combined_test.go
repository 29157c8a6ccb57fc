package query

import (
	"strings"
	"testing"
)

const standardColumns = "'aws' AS partition, '111122223333' AS account_id, 'eu-west-1' AS region, 'one' AS source, TIMESTAMPTZ '2026-11-22 03:00:00+00' AS extracted_at, "

// The columns are frozen: tools are pointed at them.
const (
	deviceColumns = "kind,partition,account_id,region,arn,device_id,name,tags,state,is_managed,ping_status,last_seen_at,agent_version,platform,platform_name,platform_version,architecture," +
		"host_name,private_ip_address,public_ip_address,instance_type,image_id,vpc_id,subnet_id,instance_profile_arn,first_seen_at,missing_patches,failed_patches,source,extracted_at"
	userColumns = "kind,partition,account_id,region,arn,tags,directory_id,user_id,user_name,name,email,status,mfa_active,created_at,last_used_at,source,extracted_at"
)

func ec2Instance(id, name string) string {
	return "SELECT " + standardColumns + "'arn:" + id + "' AS arn, '" + id + "' AS instance_id, 't3.micro' AS instance_type, 'ami-1' AS image_id, 'vpc-1' AS vpc_id, 'subnet-1' AS subnet_id, " +
		"'10.0.0.1' AS private_ip_address, NULL AS public_ip_address, 'ip-10-0-0-1' AS private_dns_name, 'Linux/UNIX' AS platform_details, 'x86_64' AS architecture, " +
		"TIMESTAMPTZ '2026-01-01 00:00:00+00' AS launch_time, MAP {'Name': '" + name + "'} AS tags, {'name': 'running'} AS state, {'arn': 'profile'} AS iam_instance_profile"
}

func ssmInstance(id, ec2 string) string {
	return "SELECT " + standardColumns + "'arn:" + id + "' AS arn, '" + id + "' AS instance_id, " + ec2 + " AS ec2_instance_id, 'host-" + id + "' AS computer_name, '10.9.9.9' AS ip_address, NULL AS name, " +
		"'Online' AS ping_status, 'Linux' AS platform_type, 'Debian' AS platform_name, '13' AS platform_version, '3.3' AS agent_version, TIMESTAMPTZ '2026-11-22 02:00:00+00' AS last_ping_date_time, " +
		"TIMESTAMPTZ '2025-05-05 00:00:00+00' AS registration_date, NULL::MAP(VARCHAR, VARCHAR) AS tags, {'missing_count': 3, 'failed_count': 0} AS patch_state"
}

func TestDevices(t *testing.T) {
	machines := ec2Instance("i-1", "web") + " UNION ALL " + ec2Instance("i-2", "db")
	managed := ssmInstance("i-1", "'i-1'") + " UNION ALL " + ssmInstance("mi-9", "NULL")
	for _, test := range []struct {
		name   string
		tables map[string]string
		want   string
	}{
		{"both", map[string]string{"aws_ec2_instances": machines, "aws_ssm_managed_instances": managed},
			"ec2,i-1,web,true,Debian,10.0.0.1,3\nec2,i-2,db,false,,10.0.0.1,\nssm,mi-9,host-mi-9,true,Debian,10.9.9.9,3\n"},
		{"EC2 alone", map[string]string{"aws_ec2_instances": machines}, "ec2,i-1,web,false,,10.0.0.1,\nec2,i-2,db,false,,10.0.0.1,\n"},
		{"Systems Manager alone", map[string]string{"aws_ssm_managed_instances": managed}, "ssm,i-1,host-i-1,true,Debian,10.9.9.9,3\nssm,mi-9,host-mi-9,true,Debian,10.9.9.9,3\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			compareCombined(t, test.tables, "devices", deviceColumns,
				"SELECT kind, device_id, name, is_managed, platform_name, private_ip_address, missing_patches FROM devices ORDER BY ALL", test.want)
		})
	}
}

func TestUsers(t *testing.T) {
	at := "TIMESTAMPTZ '2026-11-01 00:00:00+00'"
	iamUser := func(name, used string) string {
		return "SELECT " + standardColumns + "'arn:" + name + "' AS arn, 'AIDA" + name + "' AS user_id, '" + name + "' AS user_name, " + at + " AS create_date, " + used + "::TIMESTAMPTZ AS password_last_used, MAP {'team': 'a'} AS tags"
	}
	report := func(name, password string) string {
		return "SELECT '111122223333' AS account_id, 'arn:" + name + "' AS arn, " + password + " AS password_enabled, true AS mfa_active"
	}
	tables := map[string]string{
		"aws_iam_users": iamUser("anna", "'2026-10-01 00:00:00+00'") + " UNION ALL " + iamUser("bob", "NULL") + " UNION ALL " + iamUser("eve", "NULL"),
		"aws_iam_access_keys": "SELECT '111122223333' AS account_id, 'bob' AS user_name, 'Active' AS status, TIMESTAMPTZ '2026-11-03 00:00:00+00' AS last_used_date" +
			" UNION ALL SELECT '111122223333', 'bob', 'Inactive', NULL UNION ALL SELECT '444455556666', 'anna', 'Active', " + at,
		"aws_iam_credential_reports": report("anna", "true") + " UNION ALL " + report("bob", "false") + " UNION ALL " + report("eve", "false"),
		"aws_identitystore_users": "SELECT " + standardColumns + "'arn:c' AS arn, 'd-1' AS identity_store_id, 'u-1' AS user_id, 'carla' AS user_name, 'Carla C' AS display_name, 'DISABLED' AS user_status, " + at + " AS created_at, " +
			"[{'primary': false, 'type': 'home', 'value': 'second@example.com'}, {'primary': true, 'type': 'work', 'value': 'carla@example.com'}] AS emails",
		"aws_cognito_users": "SELECT " + standardColumns + "'pool' AS user_pool_id, 'dan' AS username, 'sub-1' AS sub, 'CONFIRMED' AS user_status, " + at + " AS user_create_date, false AS enabled, MAP {'email': 'dan@example.com'} AS standard_attributes",
		"aws_connect_users": "SELECT " + standardColumns + "'arn:f' AS arn, 'f-1' AS id, 'inst' AS instance_id, 'fred' AS username, " + at + " AS last_modified_time, MAP {'a': 'b'} AS tags, " +
			"{'email': 'fred@example.com', 'first_name': 'Fred', 'last_name': NULL} AS identity_info",
	}
	sql := "SELECT kind, user_name, name, email, status, strftime(last_used_at AT TIME ZONE 'UTC', '%m-%d') AS used FROM users ORDER BY ALL"
	compareCombined(t, tables, "users", userColumns, sql, strings.Join([]string{
		"cognito,dan,dan,dan@example.com,disabled,", "connect,fred,Fred,fred@example.com,active,", "iam,anna,anna,,active,10-01", "iam,bob,bob,,active,11-03", "iam,eve,eve,,no credentials,",
		"identity_center,carla,Carla C,carla@example.com,disabled,", ""}, "\n"))
	compareCombined(t, map[string]string{"aws_iam_users": tables["aws_iam_users"]}, "users", userColumns, sql, "iam,anna,anna,,,10-01\niam,bob,bob,,,\niam,eve,eve,,,\n")
}

// compareCombined asks a view over tables, its columns first.
func compareCombined(t *testing.T, tables map[string]string, view, columns, sql, want string) {
	t.Helper()
	w := newWarehouse(t)
	for name, rows := range tables {
		w.table(name, rows)
	}
	w.views = CombinedViews(w.tables)
	db := w.open()
	if got, err := ask(t.Context(), db, "SELECT string_agg(column_name, ',') AS c FROM (DESCRIBE "+view+")", nil, Format{Name: "csv"}); err != nil || strings.Trim(strings.TrimPrefix(got, "c\n"), "\"\n") != columns {
		t.Errorf("columns %s, %v, want %s", got, err, columns)
	}
	got, err := ask(t.Context(), db, sql, nil, Format{Name: "csv"})
	if _, rows, _ := strings.Cut(got, "\n"); err != nil || rows != want {
		t.Errorf("got %q, %v, want %q", rows, err, want)
	}
}
