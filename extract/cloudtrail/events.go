package cloudtrail

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"stocktake/extract"
)

const eventsTable = "aws_cloudtrail_events"

// Event is a management event of the last 90 days. Of the record that comes with
// it only what is named here is taken: the parameters of the call and its answer
// may hold anything.
type Event struct {
	extract.Incomplete
	EventId     *string
	EventName   *string
	EventSource *string
	EventTime   *time.Time
	ReadOnly    *string
	Username    *string
	AccessKeyId *string // its last four characters
	Resources   []types.Resource
	Record
}

// Record is the part of an event's record that is taken (CloudTrail record
// contents).
type Record struct {
	EventVersion       string       `json:"eventVersion"`
	EventType          string       `json:"eventType"`
	EventCategory      string       `json:"eventCategory"`
	ManagementEvent    *bool        `json:"managementEvent"`
	AwsRegion          string       `json:"awsRegion"`
	SourceIPAddress    string       `json:"sourceIPAddress"`
	UserAgent          string       `json:"userAgent"`
	ErrorCode          string       `json:"errorCode"`
	ErrorMessage       string       `json:"errorMessage"`
	RequestID          string       `json:"requestID"`
	RecipientAccountId string       `json:"recipientAccountId"`
	SharedEventID      string       `json:"sharedEventID"`
	VpcEndpointId      string       `json:"vpcEndpointId"`
	UserIdentity       UserIdentity `json:"userIdentity"`
}

// UserIdentity is who made the call.
type UserIdentity struct {
	Type           string `json:"type"`
	PrincipalId    string `json:"principalId"`
	Arn            string `json:"arn"`
	AccountId      string `json:"accountId"`
	UserName       string `json:"userName"`
	InvokedBy      string `json:"invokedBy"`
	SessionContext struct {
		SessionIssuer struct {
			Type        string `json:"type"`
			PrincipalId string `json:"principalId"`
			Arn         string `json:"arn"`
			AccountId   string `json:"accountId"`
			UserName    string `json:"userName"`
		} `json:"sessionIssuer"`
		Attributes struct {
			MfaAuthenticated string `json:"mfaAuthenticated"`
			CreationDate     string `json:"creationDate"`
		} `json:"attributes"`
	} `json:"sessionContext"`
}

// An event shows some five minutes after the call, and fifteen at the latest as
// a rule: what is as new as that is asked for again.
const (
	overlap = 30 * time.Minute
	window  = 24 * time.Hour // one pull of pages
)

var events = extract.Collector{
	Service:   service.Info,
	Tables:    []extract.Table{extract.TableOf[Event](eventsTable)},
	Calls:     []extract.Call{{Operation: "LookupEvents", Page: 50}},
	OnRequest: []string{eventsTable},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		from, to := u.Started().Add(-u.Config().CloudTrail.LookBack), u.Started()
		if since := u.Since(eventsTable); !since.IsZero() {
			from = since.Add(-overlap)
		}
		for ; from.Before(to); from = from.Add(window) {
			if err := lookup(ctx, u, from, from.Add(min(window, to.Sub(from)))); err != nil {
				return err
			}
		}
		u.Reached(eventsTable, to)
		return nil
	},
}

func lookup(ctx context.Context, u *extract.Unit, from, to time.Time) error {
	in := &cloudtrail.LookupEventsInput{StartTime: &from, EndTime: &to, MaxResults: aws.Int32(50)}
	if !u.Config().CloudTrail.ReadOnly {
		in.LookupAttributes = []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyReadOnly, AttributeValue: aws.String("false")}}
	}
	return extract.EachPage(ctx, cloudtrail.NewLookupEventsPaginator(service.Client(u), in), func(o *cloudtrail.LookupEventsOutput) error {
		rows := make([]Event, len(o.Events))
		for i := range o.Events {
			rows[i] = event(u, &o.Events[i])
		}
		return extract.Emit(u, eventsTable, rows)
	})
}

func event(u *extract.Unit, e *types.Event) Event {
	row := Event{
		EventId: e.EventId, EventName: e.EventName, EventSource: e.EventSource, EventTime: e.EventTime, ReadOnly: e.ReadOnly,
		Username: e.Username, AccessKeyId: suffix(e.AccessKeyId), Resources: e.Resources,
	}
	if e.CloudTrailEvent == nil {
		return row
	}
	if err := json.Unmarshal([]byte(*e.CloudTrailEvent), &row.Record); err != nil {
		row.Record = Record{}
		row.Miss(u.AllBut(eventsTable, "event_id", "event_name", "event_source", "event_time", "read_only", "username", "access_key_id", "resources")...)
	}
	return row
}

// suffix is what tells an access key from others of its user.
func suffix(id *string) *string {
	const shown = 4
	if id == nil || len(*id) < shown {
		return nil
	}
	return aws.String((*id)[len(*id)-shown:])
}
