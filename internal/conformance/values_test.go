package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	accessanalyzer "github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ecsdocument "github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	identitystoredocument "github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	identitystore "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	kms "github.com/aws/aws-sdk-go-v2/service/kms/types"
	resourceexplorer2document "github.com/aws/aws-sdk-go-v2/service/resourceexplorer2/document"

	"stocktake/extract"
	"stocktake/extract/cloudtrail"
	"stocktake/extract/configservice"
	"stocktake/internal/fakeaws"
	"stocktake/internal/schema"
	"stocktake/schemas"
)

// interfaces are the members of unions and the documents that items hold. Go
// cannot list what implements an interface, so a new one is a line here; the
// tests say which.
var interfaces = []any{
	&accessanalyzer.AnalyzerConfigurationMemberInternalAccess{},
	&accessanalyzer.AnalyzerConfigurationMemberUnusedAccess{},
	&cloudwatch.EvaluationCriteriaMemberPromQLCriteria{},
	&cloudwatch.EvaluationWindowMemberSlidingWindow{},
	&cloudwatch.EvaluationWindowMemberWallClockWindow{},
	&ecs.ServiceConnectContainerConfigurationMemberLogLevel{},
	&ecs.SharingStrategyMemberNvidiaMps{},
	ecsdocument.NewLazyDocument(map[string]any{"threshold": 5}),
	&identitystore.MemberIdMemberUserId{},
	resourceexplorer2document.NewLazyDocument([]any{map[string]any{"Key": "team", "Value": fakeaws.Account}}), // tags, with a text that is in the answers
	identitystoredocument.NewLazyDocument(map[string]any{"department": "quality", "level": 7}),
}

// values fills the outputs of a collector's calls: text has the form that its
// column asks for, and an item's owner is a place that exists.
func values(c *extract.Collector) fakeaws.Values {
	forms := map[string]string{}
	owners := map[string]func(fakeaws.Leaf) (string, bool){}
	var attributes []string
	for _, t := range c.Tables {
		s, err := schemas.Newest(t.Name)
		if err != nil {
			continue // Prepare reports it
		}
		formsOf(forms, s.Columns)
		attributes = append(attributes, attributesOf(s, t.Item)...)
		if s.Owner != nil {
			owners[s.Owner.AccountID], owners[s.Owner.Region] = ownerAccount(c), ownerRegion(c)
		}
	}
	delete(owners, "")
	return fakeaws.Values{
		Interfaces: interfaces,
		Text: func(l fakeaws.Leaf) (string, bool) {
			if l.Service == "Resource Explorer 2" && l.Name == "Region" {
				return "eu-west-1", true // where the collector asks on
			}
			if owner, ok := owners[l.Path]; ok && (l.Operation == "" || lists(c, l.Operation)) {
				return owner(l)
			}
			if l.Service == "SSO Admin" && l.Name == "IdentityStoreId" {
				return identityStore, true // the one that was configured
			}
			if l.Service == "ECS" && l.Name == "Reason" {
				return "MISSING", true // of failures: other reasons would be refusals
			}
			if l.Operation == "ListQueryLoggingConfigs" && l.Name == "HostedZoneId" {
				return fmt.Sprintf("hostedzone-id-%d", l.Index), true // of a zone that is listed
			}
			if l.Service == "SecurityHub" && l.Name == "StandardsArn" {
				return fmt.Sprintf("arn:aws:securityhub:us-east-1::standards/%d", l.Index), true // told of in two lists
			}
			if text := ownText(c, l); text != "" {
				return text, true
			}
			return formed(forms[strings.TrimSuffix(l.Name, "Text")], l), true
		},
		Keys: func(l fakeaws.Leaf) []string {
			if l.Operation == "GetTopicAttributes" || l.Operation == "GetQueueAttributes" {
				return attributes
			}
			return nil
		},
	}
}

// ownText is the text of leaves that refer to another answer, or that a
// collector goes by.
func ownText(c *extract.Collector, l fakeaws.Leaf) string {
	switch {
	case l.Service == "Resource Explorer 2" && l.Name == "OwningAccountId":
		return fakeaws.Account
	case l.Service == "Resource Explorer 2" && l.Path == "Properties[0].Name":
		return "tags"
	case l.Operation == "ListMetrics" && l.Name == "Namespace":
		return metricNamespace // whose data is wanted
	case l.Operation == "ListMetrics" && l.Name == "MetricName":
		return metricName
	case l.Operation == "GetMetricData" && l.Name == "Id":
		return "m0" // of the first query
	case l.Operation == "GetMetricData" && l.Name == "StatusCode":
		return string(cloudwatch.StatusCodeComplete)
	case l.Service == "CloudTrail" && l.Name == "CloudTrailEvent":
		return trailRecord(l)
	case l.Service == "CloudTrail" && l.Name == "AccessKeyId":
		return fmt.Sprintf("k%03d", l.Index)
	case l.Service == "KMS" && l.Name == "TargetKeyId":
		return fmt.Sprintf("key-keyid-%d", l.Index) // of ListKeys
	case l.Service == "KMS" && l.Name == "KeySpec":
		return string(kms.KeySpecSymmetricDefault) // others have no rotation
	case l.Service == "Config Service" && l.Name == "Results":
		return resourceDocument(c, l)
	case l.Service == "SSM" && l.Name == "InstanceId":
		return []string{"i-", "mi-"}[l.Index%2] + l.Plain
	case l.Service == "IAM" && l.Name == "Content":
		return credentialReport
	case l.Service == "IAM" && l.Name == "SerialNumber":
		return "arn:aws:iam::" + fakeaws.Account + ":mfa/" + l.Plain // other devices take no tags
	case l.Service == "Cognito Identity Provider" && l.Name == "Name" && strings.HasPrefix(l.Path, "Attributes["):
		first := strings.HasPrefix(l.Path, "Attributes[0]")
		switch {
		case first == (l.Index%2 == 0):
			return "sub"
		case first:
			return "email"
		}
		return "custom:plan"
	case strings.HasPrefix(l.Path, "Attributes."):
		return attribute(c.Tables[0].Item, l.Name)
	}
	return ""
}

// resourceDocument is a resource in an answer to a query, which has it as JSON.
func resourceDocument(c *extract.Collector, l fakeaws.Leaf) string {
	item, _ := values(c).Item(reflect.TypeFor[configservice.Resource](), l.Index) // a problem of filling it shows where the table's items are filled
	resource := item.Interface().(configservice.Resource)
	resource.ResourceId = &l.Plain
	text, err := json.Marshal(resource)
	if err != nil {
		panic(err) // text always encodes
	}
	return string(text)
}

// credentialReport is of two users, of whom one has all that there is.
const credentialReport = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated,additional_credentials_info,column_of_tomorrow\n" +
	"<root_account>,arn:aws:iam::123456789012:root,2020-01-01T00:00:00+00:00,not_supported,no_information,not_supported,not_supported,true," +
	"false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A,,\n" +
	"ada,arn:aws:iam::123456789012:user/ada,2020-01-02T00:00:00+00:00,true,2020-01-03T00:00:00+00:00,2020-01-04T00:00:00+00:00,2020-01-05T00:00:00+00:00,false," +
	"true,2020-01-06T00:00:00+00:00,2020-01-07T00:00:00+00:00,eu-west-1,s3,true,2020-01-08T00:00:00+00:00,2020-01-09T00:00:00+00:00,eu-west-2,sqs," +
	"true,2020-01-10T00:00:00+00:00,true,2020-01-11T00:00:00+00:00,1 more,x\n"

// attributesOf are the attributes that rows have fields for, where AWS gives
// them as a map of text, and one that they lack.
func attributesOf(s *schema.Schema, item reflect.Type) []string {
	names := []string{"NewAttribute"}
	if !strings.Contains(s.ARN, "{") {
		names = append(names, s.ARN)
	}
	for _, c := range s.Columns {
		if f, ok := item.FieldByName(c.Source); ok && f.Type.Kind() == reflect.Pointer {
			names = append(names, c.Source)
		}
	}
	return names
}

// attribute is text that reads as the type of a row's field; "" where any does.
func attribute(item reflect.Type, name string) string {
	f, _ := item.FieldByName(name)
	switch f.Type {
	case reflect.TypeFor[*int64]():
		return "7"
	case reflect.TypeFor[*bool]():
		return "true"
	case reflect.TypeFor[*time.Time]():
		return "1785500000"
	}
	return ""
}

// lists reports whether an operation answers with a collector's items: it is the
// first, or the one that describes what others list.
func lists(c *extract.Collector, operation string) bool {
	return operation == c.Calls[0].Operation || slices.ContainsFunc(c.Calls, func(call extract.Call) bool {
		return call.Operation == operation && call.Per == c.TableOf(call) && !call.Optional()
	})
}

func ownerAccount(c *extract.Collector) func(fakeaws.Leaf) (string, bool) {
	return func(l fakeaws.Leaf) (string, bool) {
		if c.AnyAccount {
			return fmt.Sprintf("2%011d", l.Index), true
		}
		return fakeaws.Account, true
	}
}

// ownerRegion leaves every second region for the collector to find out, where
// it may be any.
func ownerRegion(c *extract.Collector) func(fakeaws.Leaf) (string, bool) {
	return func(l fakeaws.Leaf) (string, bool) {
		if c.AnyRegion {
			return "eu-west-1", l.Index%2 == 0 || l.Operation == ""
		}
		return home, true
	}
}

// formsOf finds the fields whose columns are not what plain text becomes.
func formsOf(forms map[string]string, columns []schema.Column) {
	for _, c := range columns {
		name := c.Source[strings.LastIndexByte(c.Source, '.')+1:]
		switch {
		case c.Type == "timestamp", c.Type == "json" && c.Decode == "":
			forms[name] = c.Type
		case c.Decode != "":
			forms[name] = c.Decode
		}
		formsOf(forms, c.Fields)
	}
}

func formed(form string, l fakeaws.Leaf) string {
	switch form {
	case "timestamp":
		at := time.Date(2024, 2, 29, 23, 59, 0, 123_000_000, time.UTC).Add(time.Duration(l.Index) * time.Minute)
		if l.Index%2 == 1 {
			return at.Format("2006-01-02T15:04:05.000-0700")
		}
		return at.Format(time.RFC3339Nano)
	case "json":
		return document(l)
	case "url":
		return url.PathEscape(document(l))
	}
	return ""
}

func document(l fakeaws.Leaf) string {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Sid": l.Plain, "Resource": "a+b c/d?é"}}})
	if err != nil {
		panic(err) // text always encodes
	}
	return string(text)
}

// trailRecord is the record of an event, with all parts that are taken, and one
// that is not.
func trailRecord(l fakeaws.Leaf) string {
	var r struct {
		cloudtrail.Record
		RequestParameters map[string]string `json:"requestParameters"`
	}
	fillText(reflect.ValueOf(&r.Record).Elem(), l.Plain)
	r.RequestParameters = map[string]string{"password": l.Plain + "-left-out"}
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // texts and bools only
	}
	return string(text)
}

// fillText fills all texts below v, each with its own.
func fillText(v reflect.Value, prefix string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(prefix)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillText(v.Elem(), prefix)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			fillText(v.Field(i), prefix+"-"+strings.ToLower(v.Type().Field(i).Name))
		}
	}
}
