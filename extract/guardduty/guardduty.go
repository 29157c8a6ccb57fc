// Package guardduty collects GuardDuty's detectors and what they find.
package guardduty

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"stocktake/extract"
)

var service = extract.Service[guardduty.Client, guardduty.Options]{
	Info: extract.ServiceInfo{Name: "guardduty", ID: guardduty.ServiceID},
	New:  guardduty.NewFromConfig,
}

// page is the number of detectors, findings and members of a page, and that of
// the findings that one call describes.
const page = 50

// off is what a list without detectors says.
const off = extract.Off("GuardDuty has no detector in the region")

// Detector is a GetDetectorOutput with the ID that it is about.
type Detector struct {
	DetectorId *string
	guardduty.GetDetectorOutput
	extract.Incomplete
}

// Collectors of this service. Findings are not below their detectors: the
// administrator's detector sees those of its members, of which each has one of
// its own.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[guardduty.Client, extract.Root, Detector]{
		Table: "aws_guardduty_detectors",
		Rows: extract.Described(
			extract.Pages(service, guardduty.NewListDetectorsPaginator, extract.Always(&guardduty.ListDetectorsInput{MaxResults: aws.Int32(page)}),
				func(o *guardduty.ListDetectorsOutput) []string { return o.DetectorIds }).OrOff(string(off)),
			extract.DescribeNamed((*guardduty.Client).GetDetector,
				func(_ *extract.Root, id string) *guardduty.GetDetectorInput {
					return &guardduty.GetDetectorInput{DetectorId: &id}
				},
				func(id string, o *guardduty.GetDetectorOutput) Detector {
					return Detector{DetectorId: &id, GetDetectorOutput: *o}
				}).
				Else(func(_ *extract.Root, id string) Detector { return Detector{DetectorId: &id} }, "detector_id", "arn")),
	}),
	findings.Through(administrator),
}

const findingsTable = "aws_guardduty_findings"

var findings = extract.Collector{
	Service: service.Info,
	Tables:  []extract.Table{extract.TableOf[types.Finding](findingsTable)},
	Calls: []extract.Call{
		{Operation: "ListDetectors", Page: page}, {Operation: "ListFindings"}, {Operation: "GetFindings", Per: findingsTable, Batch: page},
	},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		criteria := map[string]types.Condition{}
		if len(u.Covers) == 0 {
			criteria["accountId"] = types.Condition{Equals: []string{u.Account}}
		}
		if since := u.Since(findingsTable); !since.IsZero() {
			criteria[updatedAt] = atOrAfter(since.Add(-extract.Overlap))
		}
		if err := pull(ctx, u, criteria); err != nil {
			return err
		}
		u.Reached(findingsTable, u.Started())
		return nil
	},
}

const updatedAt = "updatedAt"

func atOrAfter(t time.Time) types.Condition {
	return types.Condition{GreaterThanOrEqual: aws.Int64(t.UnixMilli())}
}

// pull reads the findings that meet all criteria, the longest unchanged first,
// archived ones too unless the criteria say otherwise.
func pull(ctx context.Context, u *extract.Unit, criteria map[string]types.Condition) error {
	client := service.Client(u)
	ids, err := detectors(ctx, client)
	if err != nil {
		return err
	}
	return extract.Parallel(ctx, ids, func(ctx context.Context, id *string) error {
		return extract.InWindows(ctx, func(from time.Time) extract.Pager[guardduty.ListFindingsOutput, guardduty.Options] {
			some := maps.Clone(criteria)
			if !from.IsZero() {
				some[updatedAt] = atOrAfter(from)
			}
			return guardduty.NewListFindingsPaginator(client, &guardduty.ListFindingsInput{
				DetectorId: id, MaxResults: aws.Int32(page), FindingCriteria: &types.FindingCriteria{Criterion: some},
				SortCriteria: &types.SortCriteria{AttributeName: aws.String(updatedAt), OrderBy: types.OrderByAsc},
			})
		}, func(o *guardduty.ListFindingsOutput) (newest time.Time, err error) {
			if len(o.FindingIds) == 0 {
				return newest, nil
			}
			found, err := client.GetFindings(ctx, &guardduty.GetFindingsInput{DetectorId: id, FindingIds: o.FindingIds})
			if err != nil {
				return newest, err
			}
			for _, f := range found.Findings {
				if at, err := time.Parse(time.RFC3339, aws.ToString(f.UpdatedAt)); err == nil { // else the window goes on
					newest = extract.Later(newest, at)
				}
			}
			return newest, extract.Emit(u, findingsTable, found.Findings)
		})
	})
}

// detectors are those of the client's account and region: one, where GuardDuty
// is on.
func detectors(ctx context.Context, client *guardduty.Client) ([]string, error) {
	var ids []string
	pager := guardduty.NewListDetectorsPaginator(client, &guardduty.ListDetectorsInput{MaxResults: aws.Int32(page)})
	err := extract.EachPage(ctx, pager, func(o *guardduty.ListDetectorsOutput) error {
		ids = append(ids, o.DetectorIds...)
		return nil
	})
	if err == nil && len(ids) == 0 {
		err = off
	}
	return ids, err
}

// administrator sees its members region by region, through its own detector.
var administrator = &extract.Administrator{
	Principal: "guardduty.amazonaws.com",
	Calls:     []extract.Call{{Operation: "ListDetectors"}, {Operation: "ListMembers"}},
	Members: func(ctx context.Context, u *extract.Unit, region string) ([]string, error) {
		client := service.In(u, region)
		ids, err := detectors(ctx, client)
		if err != nil {
			return nil, err
		}
		var accounts []string
		for _, id := range ids {
			in := &guardduty.ListMembersInput{DetectorId: &id, OnlyAssociated: aws.String("true"), MaxResults: aws.Int32(page)}
			err := extract.EachPage(ctx, guardduty.NewListMembersPaginator(client, in), func(o *guardduty.ListMembersOutput) error {
				for _, m := range o.Members {
					if strings.EqualFold(aws.ToString(m.RelationshipStatus), "Enabled") {
						accounts = append(accounts, aws.ToString(m.AccountId))
					}
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		return accounts, nil
	},
}
