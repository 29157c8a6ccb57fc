package configservice_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"stocktake/extract"
	"stocktake/extract/configservice"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
)

// answers are what the server sends, by operation: the pages in their order,
// or, of operations that are asked about one rule, by the request.
type answers map[string]map[string]string

// wire is how AWS Config answers of a region with a recorder and two rules.
var wire = answers{
	"DescribeConfigurationRecorders": {`{}`: `{"ConfigurationRecorders":[{"arn":"arn:aws:config:us-east-1:123456789012:configuration-recorder/default/abc",
		"name":"default","roleARN":"arn:aws:iam::123456789012:role/config","recordingGroup":{"allSupported":true,"includeGlobalResourceTypes":true,"resourceTypes":[]},
		"recordingMode":{"recordingFrequency":"CONTINUOUS"},"recordingScope":"PAID"}]}`},
	"DescribeConfigurationRecorderStatus": {`{"ConfigurationRecorderNames":["default"]}`: `{"ConfigurationRecordersStatus":[{"name":"default","recording":true,
		"lastStatus":"SUCCESS","lastStartTime":1.7855E9,"lastStatusChangeTime":1785500000.25}]}`},
	"DescribeDeliveryChannels": {`{}`: `{"DeliveryChannels":[{"name":"default","s3BucketName":"history","configSnapshotDeliveryProperties":{"deliveryFrequency":"One_Hour"}}]}`},
	"ListTagsForResource": {
		`{"ResourceArn":"arn:aws:config:us-east-1:123456789012:configuration-recorder/default/abc"}`: `{"Tags":[]}`,
		`{"ResourceArn":"arn:aws:config:us-east-1:123456789012:config-rule/config-rule-a"}`:          `{"Tags":[{"Key":"owner","Value":"größer"},{"Key":"api-token","Value":"hush-1"}]}`,
		`{"ResourceArn":"arn:aws:config:us-east-1:123456789012:config-rule/config-rule-b"}`:          `{}`,
	},
	"DescribeConfigRules": {
		`{}`: `{"NextToken":"t+/=","ConfigRules":[{"ConfigRuleName":"encrypted","ConfigRuleId":"config-rule-a","ConfigRuleState":"ACTIVE",
			"ConfigRuleArn":"arn:aws:config:us-east-1:123456789012:config-rule/config-rule-a","InputParameters":"{\"kmsId\":\"k\"}",
			"Source":{"Owner":"AWS","SourceIdentifier":"ENCRYPTED_VOLUMES"},"Scope":{"ComplianceResourceTypes":["AWS::EC2::Volume"]},"EvaluationModes":[{"Mode":"DETECTIVE"}]}]}`,
		`{"NextToken":"t+/="}`: `{"ConfigRules":[{"ConfigRuleName":"gone","ConfigRuleId":"config-rule-b","ConfigRuleState":"DELETING",
			"ConfigRuleArn":"arn:aws:config:us-east-1:123456789012:config-rule/config-rule-b","Source":{"Owner":"CUSTOM_LAMBDA"}}]}`,
	},
	"DescribeConfigRuleEvaluationStatus": {
		`{"ConfigRuleNames":["encrypted"],"Limit":50}`: `{"ConfigRulesEvaluationStatus":[{"ConfigRuleName":"encrypted","LastSuccessfulEvaluationTime":1.7855E9,"FirstEvaluationStarted":true}]}`,
		`{"ConfigRuleNames":["gone"],"Limit":50}`:      `{"ConfigRulesEvaluationStatus":[]}`,
	},
	"DescribeComplianceByConfigRule": {`{}`: `{"ComplianceByConfigRules":[
		{"ConfigRuleName":"encrypted","Compliance":{"ComplianceType":"NON_COMPLIANT","ComplianceContributorCount":{"CappedCount":3,"CapExceeded":false}}},
		{"ConfigRuleName":"gone","Compliance":{"ComplianceType":"INSUFFICIENT_DATA"}}]}`},
	"GetComplianceDetailsByConfigRule": {
		`{"ComplianceTypes":["NON_COMPLIANT"],"ConfigRuleName":"encrypted","Limit":100}`: `{"NextToken":"2","EvaluationResults":[` +
			violation("vol-1", `,"Annotation":"in the clear"`) + `,` + violation("vol-2", "") + `]}`,
		`{"ComplianceTypes":["NON_COMPLIANT"],"ConfigRuleName":"encrypted","Limit":100,"NextToken":"2"}`: `{"EvaluationResults":[` + violation("vol-3", "") + `]}`,
		`{"ComplianceTypes":["NON_COMPLIANT"],"ConfigRuleName":"gone","Limit":100}`:                      `400 {"__type":"NoSuchConfigRuleException","message":"The ConfigRule 'gone' does not exist."}`,
	},
	"GetDiscoveredResourceCounts": {`{"limit":100}`: `{"totalDiscoveredResources":5000000001,"resourceCounts":[{"resourceType":"AWS::EC2::Volume","count":5000000000},{"resourceType":"Custom::Of::People","count":1}]}`},
	"SelectResourceConfig": {
		`{"Limit":100}`: `{"QueryInfo":{"SelectFields":[{"Name":"accountId"}]},"NextToken":"next","Results":["{\"accountId\":\"123456789012\",\"arn\":\"arn:aws:ec2:us-east-1:123456789012:volume/vol-1\",` +
			`\"awsRegion\":\"us-east-1\",\"availabilityZone\":\"us-east-1a\",\"configurationItemCaptureTime\":\"2026-11-22T10:11:12.345Z\",\"configurationItemStatus\":\"OK\",\"resourceId\":\"vol-1\",` +
			`\"resourceCreationTime\":\"2026-11-01T00:00:00.000Z\",\"resourceType\":\"AWS::EC2::Volume\",\"version\":\"1.3\",\"tags\":[{\"key\":\"password\",\"value\":\"hush-2\",\"tag\":\"password=hush-2\"},{\"key\":\"team\",\"value\":\"größer\"}],` +
			`\"relationships\":[{\"resourceId\":\"i-1\",\"resourceType\":\"AWS::EC2::Instance\",\"relationshipName\":\"Is attached to Instance\"}],\"configuration\":{\"userData\":\"hush-3\"}}"]}`,
		`{"Limit":100,"NextToken":"next"}`: `{"Results":["{\"accountId\":\"123456789012\",\"awsRegion\":\"global\",\"resourceId\":\"AIDA\",\"resourceName\":\"ann\",\"resourceType\":\"AWS::IAM::User\"}"]}`,
	},
}

func violation(volume, more string) string {
	return `{"ComplianceType":"NON_COMPLIANT","ConfigRuleInvokedTime":1.7855E9,"ResultRecordedTime":1785500000.123,"EvaluationResultIdentifier":{"OrderingTimestamp":1785499000,
		"EvaluationResultQualifier":{"ConfigRuleName":"encrypted","ResourceType":"AWS::EC2::Volume","ResourceId":"` + volume + `","EvaluationMode":"DETECTIVE"}}` + more + `}`
}

// server answers by the form that the SDK sends: JSON 1.1, the operation in a
// header.
type server struct {
	*httptest.Server
	answers answers

	mu    sync.Mutex
	calls map[string]int
	odd   []string // requests without an answer
}

func serve(t *testing.T, a answers) *server {
	s := &server{answers: a, calls: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if strings.Contains(string(body), "Action=GetCallerIdentity") {
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
			`<Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		return
	}
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "StarlingDoveService.")
	request := plain(body)
	text, ok := s.answers[operation][request]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
	if !ok || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		s.odd = append(s.odd, operation+" "+request)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if fault, refused := strings.CutPrefix(text, "400 "); refused {
		w.WriteHeader(http.StatusBadRequest)
		text = fault
	}
	fmt.Fprint(w, text)
}

// plain is the request in one form, without the expression of queries, unless
// it asks for what may hold secrets.
func plain(body []byte) string {
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		return err.Error()
	}
	if text, ok := request["Expression"].(string); ok {
		fields := strings.Split(strings.TrimPrefix(text, "SELECT "), ", ")
		if !slices.ContainsFunc(fields, func(f string) bool { return f == "*" || strings.Contains(strings.ToLower(f)+".", "configuration.") }) {
			delete(request, "Expression")
		}
	}
	text, err := json.Marshal(request)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// read runs the collectors against the server and returns the results and the
// rows by table.
func read(t *testing.T, s *server) (map[string]spool.TableResult, map[string][]map[string]any) {
	t.Helper()
	var collectors []*extract.Collector
	for _, c := range configservice.Collectors[:1] {
		collectors = append(collectors, c.Complete())
	}
	run := &extract.Run{
		ID: "run-1", Collectors: collectors, Observer: silent{},
		Config: &config.File{
			Sources: []config.Source{{
				Name: "test", Activate: true, Keys: &config.Keys{}, Collect: []string{"*"}, HomeRegion: "us-east-1", Regions: config.Regions{Names: []string{"us-east-1"}},
			}},
			Concurrency: config.Concurrency{Accounts: 1, Units: 1, PerService: 4, S3: 4},
			Rates:       map[string]config.Rate{"config": {PerSecond: 1e6, Burst: 1e6}},
			Retry:       config.Retry{MaxAttempts: 1, MaxBackoff: time.Second, Timeout: time.Minute},
		},
		Base: func(context.Context, *config.Keys, string) (aws.Config, error) {
			return aws.Config{Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "key", "")}, nil
		},
	}
	if err := run.Prepare(); err != nil {
		t.Fatal(err)
	}
	journal, err := spool.Create(t.TempDir(), spool.Meta{RunID: "run-1", Date: "2026-11-22", StartedAt: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := journal.Close(); err != nil {
			t.Errorf("close spool: %v", err)
		}
	})
	plan, err := run.Plan(t.Context(), extract.Previous{})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Extract(t.Context(), plan, journal); err != nil {
		t.Fatal(err)
	}
	results, rows := map[string]spool.TableResult{}, map[string][]map[string]any{}
	for u, err := range journal.Units() {
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range u.Tables {
			results[table.Table] = table
			rows[table.Table] = rowsOf(t, journal, table)
		}
	}
	if len(s.odd) > 0 {
		t.Errorf("requests that AWS is not asked so: %q", s.odd)
	}
	return results, rows
}

func rowsOf(t *testing.T, journal *spool.Spool, table spool.TableResult) []map[string]any {
	t.Helper()
	if table.Rows == 0 {
		return nil
	}
	file, err := journal.Rows(table)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for i := range file.Runs() {
		run, err := file.Run(i)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := run.Next()
		if err != nil {
			t.Fatal(err)
		}
		text, err := batch.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var some []map[string]any
		if err := json.Unmarshal(text, &some); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, some...)
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

type silent struct{}

func (silent) Discovering(string)         {}
func (silent) Planned(*extract.Plan)      {}
func (silent) UnitDone(spool.Unit)        {}
func (silent) AccountDone(string, string) {}

// has looks for a row with the given columns, which are written as JSON.
func has(t *testing.T, rows []map[string]any, want string) {
	t.Helper()
	var columns map[string]any
	if err := json.Unmarshal([]byte(want), &columns); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		same := true
		for name, v := range columns {
			same = same && reflect.DeepEqual(row[name], v)
		}
		if same {
			return
		}
	}
	t.Errorf("no row has %s: %v", want, rows)
}

// TestWire reads a region as AWS sends it.
func TestWire(t *testing.T) {
	results, rows := read(t, serve(t, wire))
	want := map[string]int64{
		"aws_config_configuration_recorders": 1, "aws_config_rules": 2, "aws_config_compliance_details": 3,
		"aws_config_rule_compliance": 2, "aws_config_resource_counts": 2, "aws_config_resources": 2,
	}
	if got := slices.Sorted(maps.Keys(results)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Fatalf("tables: got %q, want %q", got, slices.Sorted(maps.Keys(want)))
	}
	for table, n := range want {
		if r := results[table]; r.Outcome.Kind != outcome.OK || r.Rows != n || r.FailedCalls != 0 {
			t.Errorf("%s: got %+v with %d rows and %d failed calls, want ok with %d", table, r.Outcome, r.Rows, r.FailedCalls, n)
		}
	}
	for _, id := range []string{"vol-1", "vol-2", "vol-3"} {
		annotation := "null"
		if id == "vol-1" {
			annotation = `"in the clear"`
		}
		has(t, rows["aws_config_compliance_details"], `{"config_rule_name":"encrypted","resource_type":"AWS::EC2::Volume","resource_id":"`+id+`","annotation":`+annotation+`,
			"compliance_type":"NON_COMPLIANT","evaluation_mode":"DETECTIVE","resource_evaluation_id":null,"result_recorded_time":"2026-07-31T12:13:20.123Z","ordering_timestamp":"2026-07-31T11:56:40Z"}`)
	}
	has(t, rows["aws_config_rule_compliance"], `{"config_rule_name":"encrypted","compliance":{"compliance_type":"NON_COMPLIANT","compliance_contributor_count":{"capped_count":3,"cap_exceeded":false}}}`)
	has(t, rows["aws_config_rule_compliance"], `{"config_rule_name":"gone","compliance":{"compliance_type":"INSUFFICIENT_DATA","compliance_contributor_count":null}}`)
	has(t, rows["aws_config_rules"], `{"config_rule_name":"encrypted","input_parameters":{"kmsId":"k"},"tags":[{"key":"api-token","value":null},{"key":"owner","value":"größer"}]}`)
	has(t, rows["aws_config_resource_counts"], `{"resource_type":"AWS::EC2::Volume","count":5000000000}`)
	has(t, rows["aws_config_resource_counts"], `{"resource_type":"Custom::Of::People","count":1}`)
	has(t, rows["aws_config_resources"], `{"resource_id":"vol-1","resource_region":"us-east-1","arn":"arn:aws:ec2:us-east-1:123456789012:volume/vol-1","configuration_item_capture_time":"2026-11-22T10:11:12.345Z",
		"relationships":[{"resource_id":"i-1","resource_name":null,"resource_type":"AWS::EC2::Instance"}],"tags":[{"key":"password","value":null},{"key":"team","value":"größer"}]}`)
	has(t, rows["aws_config_resources"], `{"resource_id":"AIDA","resource_region":"global","resource_name":"ann","arn":null}`)
	if text := fmt.Sprint(rows); strings.Contains(text, "hush") {
		t.Errorf("a secret is in the rows: %s", text)
	}
}

// but is wire with other answers.
func (a answers) but(operation, request, text string) answers {
	changed := maps.Clone(a)
	changed[operation] = maps.Clone(a[operation])
	changed[operation][request] = text
	return changed
}

// TestWireOff reads a region without a recorder: nothing else is asked there.
func TestWireOff(t *testing.T) {
	s := serve(t, wire.but("DescribeConfigurationRecorders", `{}`, `{"ConfigurationRecorders":[]}`))
	results, _ := read(t, s)
	if len(results) != 6 {
		t.Errorf("got %d tables, want 6", len(results))
	}
	for table, r := range results {
		if r.Outcome.Kind != outcome.NotEnabled || r.Rows != 0 {
			t.Errorf("%s: got %+v with %d rows, want not_enabled with none", table, r.Outcome, r.Rows)
		}
	}
	if want := map[string]int{"DescribeConfigurationRecorders": 1}; !maps.Equal(s.calls, want) {
		t.Errorf("calls: got %v, want %v", s.calls, want)
	}
}

// TestWireBroken gets a document that is cut off: its table fails, and others do not.
func TestWireBroken(t *testing.T) {
	results, _ := read(t, serve(t, wire.but("SelectResourceConfig", `{"Limit":100}`, `{"Results":["{\"resourceId\":\"hush"]}`)))
	if r := results["aws_config_resources"]; r.Outcome.Kind != outcome.Failed || r.Outcome.Code != "protocol" || r.Rows != 0 {
		t.Errorf("aws_config_resources: got %+v with %d rows, want failed with none, code protocol", r.Outcome, r.Rows)
	}
	if text := fmt.Sprint(results); strings.Contains(text, "hush") {
		t.Errorf("what was received is in an error: %s", text)
	}
	if r := results["aws_config_compliance_details"]; r.Outcome.Kind != outcome.OK || r.Rows != 3 {
		t.Errorf("aws_config_compliance_details: got %+v with %d rows, want ok with 3", r.Outcome, r.Rows)
	}
}
