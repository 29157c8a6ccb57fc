package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ecsdocument "github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	identitystoredocument "github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	identitystore "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"stocktake/extract"
	"stocktake/internal/fakeaws"
	"stocktake/internal/schema"
	"stocktake/schemas"
)

// interfaces are the members of unions and the documents that items hold. Go
// cannot list what implements an interface, so a new one is a line here; the
// tests say which.
var interfaces = []any{
	&cloudwatch.EvaluationCriteriaMemberPromQLCriteria{},
	&cloudwatch.EvaluationWindowMemberSlidingWindow{},
	&cloudwatch.EvaluationWindowMemberWallClockWindow{},
	&ecs.ServiceConnectContainerConfigurationMemberLogLevel{},
	ecsdocument.NewLazyDocument(map[string]any{"threshold": 5}),
	&identitystore.MemberIdMemberUserId{},
	identitystoredocument.NewLazyDocument(map[string]any{"department": "quality", "level": 7}),
}

// values fills the outputs of a collector's calls: text has the form that its
// column asks for, and an item's owner is a place that exists.
func values(c *extract.Collector) fakeaws.Values {
	forms := map[string]string{}
	owners := map[string]func(fakeaws.Leaf) (string, bool){}
	for _, t := range c.Tables {
		s, err := schemas.Newest(t.Name)
		if err != nil {
			continue // Prepare reports it
		}
		formsOf(forms, s.Columns)
		if s.Owner != nil {
			owners[s.Owner.AccountID], owners[s.Owner.Region] = ownerAccount(c), ownerRegion(c)
		}
	}
	delete(owners, "")
	return fakeaws.Values{
		Interfaces: interfaces,
		Text: func(l fakeaws.Leaf) (string, bool) {
			if owner, ok := owners[l.Path]; ok && (l.Operation == "" || l.Operation == c.Calls[0].Operation) {
				return owner(l)
			}
			if l.Service == "ECS" && l.Name == "Reason" {
				return "MISSING", true // of failures: other reasons would be refusals
			}
			return formed(forms[strings.TrimSuffix(l.Name, "Text")], l), true
		},
	}
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
