package mototest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/internal/schema"
	"stocktake/schemas"
)

// answer is an item as boto3 gives it, and what further calls tell of it.
type answer struct {
	Account, Region string
	Item            map[string]any
	Details         map[string]map[string]any
}

// details say which field of the row an answer of a further call becomes, by
// table, operation and path of the answer. "" stands for the answer as a
// whole; an operation without paths describes the item once more. What is not
// listed has no place in the row.
var details = map[string]map[string]map[string]string{
	"aws_organizations_accounts": {
		"ListTagsForResource": {"Tags": "Tags"},
		"ListParents":         {"Id": "ParentId", "Type": told}, // r- begins roots, ou- units
	},
	"aws_organizations_organizational_units": {"ListTagsForResource": {"Tags": "Tags"}},
	"aws_organizations_policies": {
		"ListTagsForResource":  {"Tags": "Tags"},
		"DescribePolicy":       {"Content": "Content", "PolicySummary": told},
		"ListTargetsForPolicy": {"Targets": "Targets"},
	},
	"aws_organizations_delegated_administrators": {"ListDelegatedServicesForAccount": {"DelegatedServices": "DelegatedServices"}},
	"aws_ssoadmin_permission_sets": {
		"ListManagedPoliciesInPermissionSet":                 {"Policies": "ManagedPolicies"},
		"ListCustomerManagedPolicyReferencesInPermissionSet": {"Policies": "CustomerManagedPolicies"},
		"GetInlinePolicyForPermissionSet":                    {"InlinePolicy": "InlinePolicy"},
	},
	"aws_elbv2_load_balancers": {"DescribeTags": {"Tags": "Tags"}, "DescribeLoadBalancerAttributes": {"Attributes": "Attributes"}},
	"aws_elbv2_listeners":      {"DescribeTags": {"Tags": "Tags"}},
	"aws_elbv2_target_groups":  {"DescribeTags": {"Tags": "Tags"}},
	"aws_elb_load_balancers":   {"DescribeTags": {"Tags": "Tags"}, "DescribeLoadBalancerAttributes": {"LoadBalancerAttributes": "Attributes"}},
	"aws_route53_hosted_zones": {
		"ListTagsForResources":    {"Tags": "Tags"},
		"GetHostedZone":           {"DelegationSet": "DelegationSet", "VPCs": "VPCs", "HostedZone": told},
		"GetDNSSEC":               {"Status": "DNSSECStatus", "KeySigningKeys": "KeySigningKeys"},
		"ListQueryLoggingConfigs": {"QueryLoggingConfig": "QueryLoggingConfig"},
	},
	"aws_cloudfront_distributions": {
		"ListTagsForResource": {"Tags": "Tags"},
		"GetDistribution":     {"DefaultRootObject": "DefaultRootObject", "Logging": "Logging"},
	},
	"aws_config_configuration_recorders": {
		"DescribeConfigurationRecorderStatus": {"": "Status"},
		"DescribeDeliveryChannels":            {"": "DeliveryChannel"},
	},
	"aws_config_rules":          {"ListTagsForResource": {"Tags": "Tags"}},
	"aws_config_aggregators":    {"ListTagsForResource": {"Tags": "Tags"}},
	"aws_acm_certificates":      {"ListTagsForCertificate": {"Tags": "Tags"}},
	"aws_iam_users":             {"GetAccountAuthorizationDetails": nil},
	"aws_iam_roles":             {"ListRoles": nil},
	"aws_iam_account_summaries": {"ListAccountAliases": {"AccountAliases": "AccountAliases", "IsTruncated": leftOut}},
	"aws_iam_saml_providers": {"GetSAMLProvider": {
		"CreateDate": told, "ValidUntil": told, "SAMLMetadataDocument": leftOut, "SAMLProviderUUID": "SAMLProviderUUID",
		"AssertionEncryptionMode": "AssertionEncryptionMode", "PrivateKeyList": "PrivateKeyList", "Tags": "Tags",
	}},
	"aws_iam_oidc_providers":    {"GetOpenIDConnectProvider": nil},
	"aws_iam_instance_profiles": {"ListInstanceProfileTags": {"Tags": "Tags", "IsTruncated": leftOut}},
	"aws_cognito_user_pools":    {"DescribeUserPool": nil},
	"aws_connect_instances":     {"ListTagsForResource": {"Tags": "Tags"}},
	"aws_ds_directories":        {"ListTagsForResource": {"Tags": "Tags"}},
	"aws_iam_access_keys": {"GetAccessKeyLastUsed": {
		"UserName": "UserName", "AccessKeyLastUsed.LastUsedDate": "LastUsedDate",
		"AccessKeyLastUsed.Region": "LastUsedRegion", "AccessKeyLastUsed.ServiceName": "LastUsedServiceName",
	}},
	"aws_ecs_task_definitions": {"DescribeTaskDefinition": {"tags": "Tags"}},
	"aws_efs_file_systems": {
		"DescribeFileSystemPolicy":       {"Policy": "Policy", "FileSystemId": told},
		"DescribeBackupPolicy":           {"BackupPolicy": "BackupPolicy"},
		"DescribeLifecycleConfiguration": {"LifecyclePolicies": "LifecyclePolicies"},
	},
	"aws_efs_mount_targets": {"DescribeMountTargetSecurityGroups": {"SecurityGroups": "SecurityGroups"}},
	"aws_ecr_repositories": {
		"ListTagsForResource": {"tags": "Tags"},
		"GetRepositoryPolicy": {"policyText": "Policy", "registryId": told, "repositoryName": told},
		"GetLifecyclePolicy":  {"lifecyclePolicyText": "LifecyclePolicy", "registryId": told, "repositoryName": told, "lastEvaluatedAt": leftOut},
	},
	"aws_kms_keys": {
		"ListAliases":          {"Aliases": "Aliases"},
		"ListResourceTags":     {"Tags": "Tags"},
		"GetKeyRotationStatus": {"KeyRotationEnabled": "KeyRotationEnabled"},
	},
	"aws_secretsmanager_secrets": {"GetResourcePolicy": {"ResourcePolicy": "ResourcePolicy", "ARN": told, "Name": told}},
	"aws_sns_topics":             {"ListTagsForResource": {"Tags": "Tags"}},
	"aws_sqs_queues":             {"ListQueueTags": {"Tags": "Tags"}},
	"aws_dynamodb_tables": {
		"DescribeContinuousBackups": {"ContinuousBackupsDescription": "ContinuousBackups"},
		"DescribeTimeToLive":        {"TimeToLiveDescription": "TimeToLive"},
		"ListTagsOfResource":        {"Tags": "Tags"},
	},
	"aws_backup_vaults":    {"ListTags": {"Tags": "Tags"}},
	"aws_securityhub_hubs": {"GetAdministratorAccount": {"Administrator": "Administrator"}},
	"aws_cloudtrail_trails": {
		"GetTrailStatus":    {"": "Status"},
		"GetEventSelectors": {"EventSelectors": "EventSelectors", "AdvancedEventSelectors": "AdvancedEventSelectors", "TrailARN": told},
		"ListTags":          {"Tags": "Tags"},
	},
	"aws_lambda_functions": {
		"ListTags":  {"Tags": "Tags"},
		"GetPolicy": {"Policy": "Policy", "RevisionId": leftOut},
	},
	"aws_s3_buckets": {
		"GetBucketLocation":                  {"LocationConstraint": "BucketRegion"},
		"GetBucketTagging":                   {"TagSet": "Tags"},
		"GetBucketPolicy":                    {"Policy": "Policy"},
		"GetBucketPolicyStatus":              {"PolicyStatus": "PolicyStatus"},
		"GetPublicAccessBlock":               {"PublicAccessBlockConfiguration": "PublicAccessBlock"},
		"GetBucketOwnershipControls":         {"OwnershipControls": "OwnershipControls"},
		"GetBucketAcl":                       {"Owner": "AclOwner", "Grants": "AclGrants"},
		"GetBucketEncryption":                {"ServerSideEncryptionConfiguration": "Encryption"},
		"GetBucketVersioning":                {"Status": "VersioningStatus", "MFADelete": "MfaDelete"},
		"GetBucketLogging":                   {"LoggingEnabled": "Logging"},
		"GetBucketLifecycleConfiguration":    {"Rules": "LifecycleRules", "TransitionDefaultMinimumObjectSize": "LifecycleMinimumSize"},
		"GetBucketReplication":               {"ReplicationConfiguration": "Replication"},
		"GetObjectLockConfiguration":         {"ObjectLockConfiguration": "ObjectLock"},
		"GetBucketWebsite":                   {"": "Website"},
		"GetBucketNotificationConfiguration": {"": "Notification"},
		"GetBucketCors":                      {"CORSRules": "CorsRules"},
	},
}

const (
	told    = "(told)"     // by the item, or by another column
	leftOut = "(left out)" // by the collector: of the answer, and not of the resource
)

// moving are values that change from call to call: only whether they are there
// is compared.
var moving = map[string]bool{
	"aws_efs_file_systems.size_in_bytes.timestamp":              true,
	"aws_cloudtrail_trails.status.latest_delivery_attempt_time": true,
	"aws_cloudtrail_trails.status.latest_delivery_time":         true,
	"aws_iam_access_keys.last_used_date":                        true,
	"aws_iam_access_keys.last_used_region":                      true,
	"aws_iam_access_keys.last_used_service_name":                true,
	"aws_iam_roles.role_last_used":                              true,
	"aws_iam_credential_reports.access_key_1_last_used_date":    true,
	"aws_rds_db_clusters.latest_restorable_time":                true,
	"aws_rds_db_instances.latest_restorable_time":               true,
}

// unsent are values that the SDK cannot tell from false or 0 where AWS, or moto,
// leaves them out.
var unsent = map[string]bool{
	"aws_ecs_container_instances.version":                                          true,
	"aws_ecs_services.enable_ecs_managed_tags":                                     true,
	"aws_ecs_services.enable_execute_command":                                      true,
	"aws_ecs_tasks.enable_execute_command":                                         true,
	"aws_ecs_tasks.version":                                                        true,
	"aws_eks_clusters.resources_vpc_config.endpoint_private_access":                true,
	"aws_eks_clusters.resources_vpc_config.endpoint_public_access":                 true,
	"aws_cognito_user_pools.admin_create_user_config.unused_account_validity_days": true,
	"aws_ds_directories.radius_settings.radius_retries":                            true,
	"aws_ds_directories.radius_settings.use_same_username":                         true,
}

// coarse are times that AWS sends as a number of seconds, of which the SDK
// reads milliseconds; moto's has more digits.
var coarse = map[string]bool{
	"aws_efs_file_systems.creation_time":                                                    true,
	"aws_fsx_backups.creation_time":                                                         true,
	"aws_backup_vaults.creation_date":                                                       true,
	"aws_backup_vaults.lock_date":                                                           true,
	"aws_kms_keys.creation_date":                                                            true,
	"aws_kms_keys.deletion_date":                                                            true,
	"aws_secretsmanager_secrets.deleted_date":                                               true,
	"aws_organizations_accounts.joined_timestamp":                                           true,
	"aws_organizations_delegated_administrators.delegation_enabled_date":                    true,
	"aws_organizations_delegated_administrators.delegated_services.delegation_enabled_date": true,
	"aws_organizations_delegated_administrators.joined_timestamp":                           true,
	"aws_ssoadmin_instances.created_date":                                                   true,
	"aws_ssoadmin_permission_sets.created_date":                                             true,
}

// secretTag matches keys of tags whose values are removed.
var secretTag = regexp.MustCompile(`(?i)(secret|token|passw|api[_-]?key|credential)`)

// run is what the rows say of the run that read them.
type run struct {
	source, id   string
	began, ended time.Time
}

// comparison collects where the rows of a table differ from boto3's items.
type comparison struct {
	t      *testing.T
	schema *schema.Schema
	row    string         // that is compared
	failed map[string]int // differences by column: one is shown, the others counted
}

// compareTable holds each row of a table against the item of its key, both
// ways: every leaf of the item is in the row, and the row has no other.
func compareTable(t *testing.T, table string, r run, answers []answer, rows []map[string]any) {
	s, err := schemas.Newest(table)
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{t: t, schema: s, failed: map[string]int{}}
	got := map[string]map[string]any{}
	for _, row := range rows {
		k := c.key(row)
		if _, twice := got[k]; twice {
			t.Errorf("row %s is in the table twice", k)
		}
		got[k] = row
	}
	for _, a := range answers {
		want, err := a.merged(table)
		if err != nil {
			t.Fatal(err)
		}
		head := c.head(a, want)
		names := maps.Clone(head)
		for _, column := range s.Columns {
			if v, ok := field(want, column.Source); ok {
				names[column.Name] = v
			}
		}
		c.row = c.key(names)
		row, ok := got[c.row]
		if !ok {
			c.differ("", "row", "none", want)
			continue
		}
		delete(got, c.row)
		c.standard(a, r, head, row)
		c.object(table, c.item(), want, row)
	}
	for k, row := range got {
		c.row = k
		c.differ("", "row", row, "none")
	}
	for _, column := range slices.Sorted(maps.Keys(c.failed)) {
		t.Errorf("%s: %d differences", column, c.failed[column])
	}
}

// differ reports a difference, the first of a column in full.
func (c *comparison) differ(path, what string, got, want any) {
	c.t.Helper()
	column := strings.TrimLeft(path+" "+what, " ")
	c.failed[column]++
	if c.failed[column] == 1 {
		c.t.Errorf("row %s: %s\n got %s\nwant %s", c.row, column, shown(got), shown(want))
	}
}

func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > 1000 {
		return string(text[:1000]) + "…"
	}
	return string(text)
}

// key is the text of the key columns of a row.
func (c *comparison) key(row map[string]any) string {
	var parts []string
	for _, name := range c.schema.Key {
		parts = append(parts, fmt.Sprintf("%s=%v", name, row[name]))
	}
	return strings.Join(parts, " ")
}

// merged returns the item with the answers of further calls in the fields
// that they become.
func (a answer) merged(table string) (map[string]any, error) {
	item := maps.Clone(a.Item)
	for operation, out := range a.Details {
		places, known := details[table][operation]
		if !known {
			return nil, fmt.Errorf("%s: it is not said what becomes of the answers of %s", table, operation)
		}
		if err := merge(item, "", out, places); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", table, operation, err)
		}
	}
	return item, nil
}

func merge(item map[string]any, path string, out map[string]any, places map[string]string) error {
	if whole, ok := places[""]; ok {
		if len(out) > 0 {
			item[whole] = out
		}
		return nil
	}
	for k, v := range out {
		place, ok := places[path+k]
		if places == nil {
			place, ok = k, true
		}
		inner, isObject := v.(map[string]any)
		switch {
		case place == told, place == leftOut:
		case ok:
			if there, twice := item[place]; twice && !reflect.DeepEqual(there, v) {
				return fmt.Errorf("%s is %s, and %s in the item", path+k, shown(v), shown(there))
			}
			item[place] = v
		case isObject:
			if err := merge(item, path+k+".", inner, places); err != nil {
				return err
			}
		default:
			return fmt.Errorf("no column is named for %s, which is %s", path+k, shown(v))
		}
	}
	return nil
}

// field finds a value by the name of a Go field: boto3 spells it the same, or
// in other case. A path leads through objects.
func field(item map[string]any, source string) (any, bool) {
	if source == "" {
		return nil, false
	}
	first, rest, deep := strings.Cut(source, ".")
	k, ok := spelled(item, first)
	if !ok {
		return nil, false
	}
	if inner, isObject := item[k].(map[string]any); deep && isObject {
		return field(inner, rest)
	}
	return item[k], !deep
}

func spelled(item map[string]any, name string) (string, bool) {
	if _, ok := item[name]; ok {
		return name, true
	}
	for k := range item {
		if strings.EqualFold(k, name) {
			return k, true
		}
	}
	return "", false
}

// head returns the standard columns that an item decides.
func (c *comparison) head(a answer, item map[string]any) map[string]any {
	head := map[string]any{"partition": "aws", "account_id": a.Account, "region": a.Region}
	if o := c.schema.Owner; o != nil {
		for column, source := range map[string]string{"account_id": o.AccountID, "region": o.Region} {
			if v, ok := field(item, source); ok {
				head[column] = v
			}
		}
	}
	if v := c.arn(head, item); v != "" {
		head["arn"] = v
	}
	return head
}

var hole = regexp.MustCompile(`\{[A-Za-z_.]+\}`)

// arn is the item's own ARN, or the one that the schema's pattern makes.
func (c *comparison) arn(head, item map[string]any) string {
	for source := range strings.SplitSeq(c.schema.ARN, "|") {
		if v, ok := field(item, source); ok {
			return fmt.Sprint(v)
		}
		if !strings.Contains(source, "{") {
			continue
		}
		whole := true // every name in the pattern has a value
		arn := hole.ReplaceAllStringFunc(source, func(name string) string {
			name = strings.Trim(name, "{}")
			v, ok := head[name]
			if !ok {
				v, ok = field(item, name)
			}
			whole = whole && ok
			return fmt.Sprint(v)
		})
		if whole {
			return arn
		}
	}
	return ""
}

// standard compares the columns that every table has; tags are compared with
// the item's own.
func (c *comparison) standard(a answer, r run, head, row map[string]any) {
	region := a.Region
	if region == "global" {
		region = regions[0]
	}
	want := maps.Clone(head)
	maps.Copy(want, map[string]any{"source": r.source, "run_id": r.id, "collected_account_id": a.Account, "collected_region": region})
	for _, column := range []string{"partition", "account_id", "region", "arn", "source", "run_id", "collected_account_id", "collected_region"} {
		if row[column] != want[column] {
			c.differ(column, "", row[column], want[column])
		}
	}
	if at, err := parseTime(row["extracted_at"]); err != nil || at.Before(r.began) || at.After(r.ended) {
		c.differ("extracted_at", "", row["extracted_at"], []time.Time{r.began, r.ended})
	}
	missing := []any{}
	for _, column := range lacking[c.schema.Table] {
		missing = append(missing, column)
	}
	if !reflect.DeepEqual(row["not_collected"], missing) {
		c.differ("not_collected", "", row["not_collected"], missing)
	}
}

// item returns the columns that are filled from the item, with those of the
// standard columns that take a field as it is.
func (c *comparison) item() []schema.Column {
	columns := c.schema.Columns
	for _, standard := range c.schema.AllColumns()[:5] {
		for source := range strings.SplitSeq(standard.Source, "|") {
			if source != "" && !strings.Contains(source, "{") {
				standard.Source = source
				columns = append(columns[:len(columns):len(columns)], standard)
				break
			}
		}
	}
	return columns
}

// object compares a struct, or the row itself.
func (c *comparison) object(path string, columns []schema.Column, want, got map[string]any) {
	taken := map[string]bool{}
	for _, column := range columns {
		v, ok := field(want, column.Source)
		first, _, _ := strings.Cut(column.Source, ".")
		if k, there := spelled(want, first); there {
			taken[k] = true
		}
		if !ok {
			v = nil
		}
		if column.Name == "tags" && path == c.schema.Table && v == nil && !slices.Contains(lacking[path], "tags") {
			v = []any{} // AWS leaves the list out where there are none
		}
		if v == nil && path == c.schema.Table && slices.Contains([]string{"account_id", "region", "arn"}, column.Name) {
			continue // the item does not name it; standard has compared it
		}
		c.value(path+"."+column.Name, column, column.Type, v, got[column.Name])
	}
	for k, v := range want {
		if !taken[k] && hasLeaf(v) {
			c.differ(path, "has no column for "+k, nil, v)
		}
	}
}

// hasLeaf reports whether a value of boto3 says anything.
func hasLeaf(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), hasLeaf)
	case []any:
		return slices.ContainsFunc(v, hasLeaf)
	}
	return true
}

// value compares a value of a schema's type.
func (c *comparison) value(path string, column schema.Column, typ string, want, got any) {
	switch {
	case moving[path]:
		if (want == nil) != (got == nil) {
			c.differ(path, "", got, want)
		}
		return
	case want == nil || column.Redact == schema.Secret && !strings.HasPrefix(typ, "map<"):
		if zero := got == false || fmt.Sprint(got) == "0"; got != nil && !(unsent[path] && zero) {
			c.differ(path, "", got, nil)
		}
		return
	}
	elem, nested := schema.Elem(typ)
	switch {
	case nested && strings.HasPrefix(typ, "map<"):
		c.mapping(path, column, elem, want, got)
	case nested:
		c.list(path, column, elem, want, got)
	case typ == "struct":
		w, isObject := want.(map[string]any)
		g, ok := got.(map[string]any)
		if !isObject || !ok {
			c.differ(path, "", got, want)
			return
		}
		c.object(path, column.Fields, w, g)
	case typ == "json":
		c.document(path, column, want, got)
	case !equal(typ, want, got) && !(coarse[path] && sameMillisecond(want, got)):
		c.differ(path, "", got, want)
	}
}

// equal compares scalars of a schema's type.
func equal(typ string, want, got any) bool {
	switch typ {
	case "timestamp":
		w, err := parseTime(want)
		g, gotErr := parseTime(got)
		return err == nil && gotErr == nil && w.Truncate(time.Microsecond).Equal(g)
	case "int32", "int64", "float64":
		return equalNumbers(want, got)
	}
	return want == got
}

// sameMillisecond compares times of which one may have lost up to a millisecond:
// of 0.572 s, which no float holds exactly, the SDK reads 571 ms.
func sameMillisecond(want, got any) bool {
	w, err := parseTime(want)
	g, gotErr := parseTime(got)
	return err == nil && gotErr == nil && w.Sub(g).Abs() <= time.Millisecond
}

func equalNumbers(want, got any) bool {
	w, ok := want.(json.Number)
	g, gotOK := got.(json.Number)
	if !ok || !gotOK {
		return false
	}
	wi, err := w.Int64()
	gi, gotErr := g.Int64()
	if err == nil && gotErr == nil {
		return wi == gi
	}
	wf, err := w.Float64()
	gf, gotErr := g.Float64()
	return err == nil && gotErr == nil && wf == gf
}

// parseTime reads a time that a library or AWS wrote as text.
func parseTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, fmt.Errorf("%v is not text", v)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", text)
}

func (c *comparison) list(path string, column schema.Column, elem string, want, got any) {
	w, isList := want.([]any)
	g, ok := got.([]any)
	if !isList || !ok || len(w) != len(g) {
		c.differ(path, "", got, want)
		return
	}
	for i := range w {
		c.value(path, column, elem, w[i], g[i])
	}
}

// mapping compares a map, or a list of keys and values.
func (c *comparison) mapping(path string, column schema.Column, elem string, want, got any) {
	w, isObject := want.(map[string]any)
	if pairs, isList := want.([]any); isList {
		w, isObject = map[string]any{}, true
		for _, p := range pairs {
			key, _ := field(p.(map[string]any), "Key")
			w[fmt.Sprint(key)], _ = field(p.(map[string]any), "Value")
		}
	}
	g, ok := got.(map[string]any)
	if !isObject || !ok || len(w) != len(g) {
		c.differ(path, "", got, want)
		return
	}
	tags := column.Name == "tags" || strings.HasSuffix(column.Name, "_tags")
	for k, v := range w {
		there, ok := g[k]
		switch {
		case !ok:
			c.differ(path, "", got, want)
		case column.Redact == schema.Secret, tags && secretTag.MatchString(k):
			if there != nil {
				c.differ(path, "["+k+"]", there, nil)
			}
		default:
			c.value(path, column, elem, v, there)
		}
	}
}

// document compares a column of JSON.
func (c *comparison) document(path string, column schema.Column, want, got any) {
	text, ok := got.(string)
	if !ok {
		c.differ(path, "", got, want)
		return
	}
	var found any
	if err := decodeNumbers(text, &found); err != nil {
		c.differ(path, "is not JSON: "+err.Error(), got, want)
		return
	}
	if w, isText := want.(string); isText {
		if decodeNumbers(w, &want) != nil {
			want = w
		}
		if !reflect.DeepEqual(found, want) {
			c.differ(path, "", found, want)
		}
		return
	}
	if column.Decode == "url" && !reflect.DeepEqual(found, want) { // boto3 has decoded it too
		c.differ(path, "", found, want)
		return
	}
	c.part(path, column.Secrets, want, found)
}

func decodeNumbers(text string, into *any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// part compares a part of a document made from the SDK's types: names may
// differ in case, and times in form. Of secrets only names are left.
func (c *comparison) part(path string, secrets []string, want, got any) {
	if slices.Contains(secrets, "") {
		if hasLeaf(got) {
			c.differ(path, "", got, nil)
		}
		return
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			c.differ(path, "", got, want)
			return
		}
		taken := map[string]bool{}
		for k, v := range w {
			there, ok := spelled(g, k)
			if !ok && hasLeaf(v) {
				c.differ(path+"."+k, "", nil, v)
			}
			taken[there] = true
			var below []string
			for _, s := range secrets {
				if first, rest, _ := strings.Cut(s, "."); strings.EqualFold(first, k) {
					below = append(below, rest)
				}
			}
			c.part(path+"."+k, below, v, g[there])
		}
		for k, v := range g {
			if !taken[k] && hasLeaf(v) {
				c.differ(path+"."+k, "", v, nil)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			c.differ(path, "", got, want)
			return
		}
		for i := range w {
			c.part(path, secrets, w[i], g[i])
		}
	default:
		if want != got && !equalNumbers(want, got) && !equal("timestamp", want, got) {
			c.differ(path, "", got, want)
		}
	}
}
