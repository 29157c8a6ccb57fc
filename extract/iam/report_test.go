package iam

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"stocktake/extract"
	"stocktake/internal/fakeaws"
)

// TestReportIsAwaited asks for a report that is not there at first, or never.
func TestReportIsAwaited(t *testing.T) {
	for _, test := range []struct {
		name, code string
		first      int // answers with the code
		asked      int
		want       string
	}{
		{"there", "ReportInProgress", 0, 1, ""},
		{"in progress", "ReportInProgress", 3, 4, ""},
		{"not begun", "ReportNotPresent", 1, 2, ""},
		{"an old one", "ReportExpired", 2, 3, ""},
		{"never", "ReportInProgress", 1000, waits + 1, "ReportInProgress"},
		{"refused", "AccessDenied", 1, 1, "AccessDenied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := reporting(test.first, test.code)
				_, err := report(t.Context(), &extract.Unit{}, iam.NewFromConfig(fake.Config("us-east-1")))
				if got := extract.Code(err); got != test.want {
					t.Errorf("got error %v, want code %q", err, test.want)
				}
				if got := len(fake.Calls()) - 1; got != test.asked {
					t.Errorf("asked for the report %d times, want %d", got, test.asked)
				}
			})
		})
	}
}

// reporting answers so many requests for the report with a code.
func reporting(first int, code string) *fakeaws.AWS {
	return fakeaws.New(fakeaws.Options{Hooks: []fakeaws.Hook{
		fakeaws.On("GetCredentialReport", fakeaws.First(first, fakeaws.Fault{Code: code, Message: "not now"})),
	}})
}

// TestReportIsNotAwaitedForLong ends a run in the middle of a wait.
func TestReportIsNotAwaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		fake := reporting(1000, "ReportInProgress")
		_, err := report(ctx, &extract.Unit{}, iam.NewFromConfig(fake.Config("us-east-1")))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// TestCredentials reads reports as AWS writes them, and refuses what is none.
func TestCredentials(t *testing.T) {
	rows, err := credentials([]byte("arn,user,mfa_active,password_enabled,password_last_used,new\n" +
		"arn:aws:iam::1:root,<root_account>,false,not_supported,no_information,x\n" +
		"arn:aws:iam::1:user/a,a,true,TRUE,2024-01-02T03:04:05+00:00,x\n"))
	if err != nil || len(rows) != 2 {
		t.Fatalf("got %d rows and error %v, want 2 and none", len(rows), err)
	}
	root, user := rows[0], rows[1]
	if *root.User != "<root_account>" || root.PasswordEnabled != nil || root.PasswordLastUsed != nil || *root.MfaActive {
		t.Errorf("root user: got %+v, want no MFA, and nothing about a password", root)
	}
	if *user.Arn != "arn:aws:iam::1:user/a" || !*user.PasswordEnabled || *user.PasswordLastUsed != "2024-01-02T03:04:05+00:00" || !*user.MfaActive || user.AccessKey1Active != nil {
		t.Errorf("user: got %+v, want what the line says and nothing else", user)
	}
	for name, content := range map[string]string{"nothing": "", "a page": "<html>\n", "a short line": "user,arn\na\n"} {
		if rows, err := credentials([]byte(content)); err == nil {
			t.Errorf("%s: got rows %+v, want an error", name, rows)
		}
	}
}
