// Package accessanalyzer collects IAM Access Analyzer's analyzers and what they
// find: access from outside, access within, and access that nobody uses.
package accessanalyzer

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	"stocktake/extract"
)

var service = extract.Service[accessanalyzer.Client, accessanalyzer.Options]{
	Info: extract.ServiceInfo{
		Name: "accessanalyzer", ID: accessanalyzer.ServiceID, IAM: "access-analyzer",
		Actions: map[string][]string{"ListFindingsV2": {"access-analyzer:ListFindings"}},
	},
	New: accessanalyzer.NewFromConfig,
}

var page = aws.Int32(100)

// Finding is a types.FindingSummaryV2 with its analyzer.
type Finding struct {
	AnalyzerArn *string
	types.FindingSummaryV2
}

// Collectors of this service. The analyzers of an organization find things in
// all its accounts, and belong to the account that has them.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[accessanalyzer.Client, extract.Root, types.AnalyzerSummary]{
		Table: "aws_accessanalyzer_analyzers",
		Rows: extract.Pages(service, accessanalyzer.NewListAnalyzersPaginator,
			extract.Always(&accessanalyzer.ListAnalyzersInput{MaxResults: page}),
			func(o *accessanalyzer.ListAnalyzersOutput) []types.AnalyzerSummary { return o.Analyzers }),
		Children: []extract.Branch[accessanalyzer.Client, types.AnalyzerSummary]{findings},
	}),
}

var findings = extract.Level[accessanalyzer.Client, types.AnalyzerSummary, Finding]{
	Table: "aws_accessanalyzer_findings",
	Gone:  []string{"ResourceNotFoundException"},
	Rows: extract.Pages(service, accessanalyzer.NewListFindingsV2Paginator,
		func(a *types.AnalyzerSummary) *accessanalyzer.ListFindingsV2Input {
			return &accessanalyzer.ListFindingsV2Input{AnalyzerArn: a.Arn, MaxResults: page}
		},
		func(o *accessanalyzer.ListFindingsV2Output) []Finding {
			return extract.Map(o.Findings, func(f types.FindingSummaryV2) Finding { return Finding{FindingSummaryV2: f} })
		}),
	Own: func(a *types.AnalyzerSummary, f *Finding) { f.AnalyzerArn = a.Arn },
}
