package iam

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"stocktake/extract"
)

// Credential is a line of the account's credential report: a user, or the root
// user, with the state of each way to sign in.
type Credential struct {
	User                      *string
	Arn                       *string
	UserCreationTime          *string
	PasswordEnabled           *bool
	PasswordLastUsed          *string
	PasswordLastChanged       *string
	PasswordNextRotation      *string
	MfaActive                 *bool
	AccessKey1Active          *bool
	AccessKey1LastRotated     *string
	AccessKey1LastUsedDate    *string
	AccessKey1LastUsedRegion  *string
	AccessKey1LastUsedService *string
	AccessKey2Active          *bool
	AccessKey2LastRotated     *string
	AccessKey2LastUsedDate    *string
	AccessKey2LastUsedRegion  *string
	AccessKey2LastUsedService *string
	Cert1Active               *bool
	Cert1LastRotated          *string
	Cert2Active               *bool
	Cert2LastRotated          *string
	AdditionalCredentialsInfo *string
	ReportGeneratedTime       *time.Time
}

const reportsTable = "aws_iam_credential_reports"

var credentialReport = extract.Collector{
	Service: service.Info,
	Scope:   extract.Global,
	Tables:  []extract.Table{extract.TableOf[Credential](reportsTable)},
	Calls:   []extract.Call{{Operation: "GenerateCredentialReport"}, {Operation: "GetCredentialReport"}},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		o, err := report(ctx, u, service.Client(u))
		if err != nil {
			return err
		}
		rows, err := credentials(o.Content)
		if err != nil {
			return &smithy.DeserializationError{Err: fmt.Errorf("read credential report: %w", err)}
		}
		for i := range rows {
			rows[i].ReportGeneratedTime = o.GeneratedTime
		}
		return extract.Emit(u, reportsTable, rows)
	},
}

// How long a report may take: AWS makes it within seconds, and within minutes
// where there are thousands of users.
const (
	firstWait = time.Second
	mostWait  = 15 * time.Second
	waits     = 24
)

// unfinished are the codes of a report that is not there yet; the last one is
// of an earlier report.
var unfinished = []string{"ReportInProgress", "ReportNotPresent", "ReportExpired"}

// report asks for a report, which AWS makes anew where the last one is older
// than four hours, and waits until it is there.
func report(ctx context.Context, u *extract.Unit, client *iam.Client) (*iam.GetCredentialReportOutput, error) {
	if _, err := client.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{}); err != nil {
		return nil, err
	}
	wait := firstWait
	for n := 0; ; n++ {
		o, err := client.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
		if n == waits || !u.Expect(err, unfinished) {
			return o, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, mostWait)
	}
}

// credentials reads the report. Columns are found by name: AWS has added some.
func credentials(content []byte) ([]Credential, error) {
	r := csv.NewReader(bytes.NewReader(content))
	header, err := r.Read()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(header, "user") {
		return nil, errors.New("expected a column called user")
	}
	var rows []Credential
	for {
		line, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		var c Credential
		fields := c.fields()
		for i, name := range header {
			if set := fields[name]; set != nil {
				set(line[i])
			}
		}
		rows = append(rows, c)
	}
}

// fields are the places of the report's columns in the row.
func (c *Credential) fields() map[string]func(string) {
	return map[string]func(string){
		"user":                           text(&c.User),
		"arn":                            text(&c.Arn),
		"user_creation_time":             text(&c.UserCreationTime),
		"password_enabled":               yesNo(&c.PasswordEnabled),
		"password_last_used":             text(&c.PasswordLastUsed),
		"password_last_changed":          text(&c.PasswordLastChanged),
		"password_next_rotation":         text(&c.PasswordNextRotation),
		"mfa_active":                     yesNo(&c.MfaActive),
		"access_key_1_active":            yesNo(&c.AccessKey1Active),
		"access_key_1_last_rotated":      text(&c.AccessKey1LastRotated),
		"access_key_1_last_used_date":    text(&c.AccessKey1LastUsedDate),
		"access_key_1_last_used_region":  text(&c.AccessKey1LastUsedRegion),
		"access_key_1_last_used_service": text(&c.AccessKey1LastUsedService),
		"access_key_2_active":            yesNo(&c.AccessKey2Active),
		"access_key_2_last_rotated":      text(&c.AccessKey2LastRotated),
		"access_key_2_last_used_date":    text(&c.AccessKey2LastUsedDate),
		"access_key_2_last_used_region":  text(&c.AccessKey2LastUsedRegion),
		"access_key_2_last_used_service": text(&c.AccessKey2LastUsedService),
		"cert_1_active":                  yesNo(&c.Cert1Active),
		"cert_1_last_rotated":            text(&c.Cert1LastRotated),
		"cert_2_active":                  yesNo(&c.Cert2Active),
		"cert_2_last_rotated":            text(&c.Cert2LastRotated),
		"additional_credentials_info":    text(&c.AdditionalCredentialsInfo),
	}
}

// text leaves a field nil where the report has no value.
func text(to **string) func(string) {
	return func(v string) {
		if v != "" && v != "N/A" && v != "no_information" && v != "not_supported" {
			*to = &v
		}
	}
}

func yesNo(to **bool) func(string) {
	return func(v string) {
		if yes, err := strconv.ParseBool(v); err == nil {
			*to = &yes
		}
	}
}
