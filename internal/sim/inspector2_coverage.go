package sim

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"
)

func listCoverage(c *call, in *inspector2.ListCoverageInput) (*inspector2.ListCoverageOutput, error) {
	var accounts []types.StringFilter
	if f := in.FilterCriteria; f != nil {
		for _, a := range f.AccountId {
			accounts = append(accounts, types.StringFilter{Comparison: types.StringComparison(a.Comparison), Value: a.Value})
		}
		if len(accounts) == 0 {
			return nil, fmt.Errorf("simulated organization: ListCoverage plays filter AccountId alone")
		}
	}
	covered := spreadOver(c.guardedSites(c.region), func(s *site) int {
		if !holds(accounts, s.a.id) {
			return 0
		}
		n := s.Instances + s.Functions
		s.eachScannedImage(func(_, _, _ int) bool { n++; return true })
		return n
	})
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 200}, covered.total, all(func(i int) types.CoveredResource {
		s, k := covered.at(i)
		return s.covered(k)
	}))
	return &inspector2.ListCoverageOutput{CoveredResources: items, NextToken: next}, err
}

// inspectedRuntimes are Inspector's words for those of Lambda.
var inspectedRuntimes = map[string]types.Runtime{
	"python3.9": types.RuntimePython39, "python3.12": "PYTHON_3_12", "nodejs20.x": "NODEJS_20_X", "java21": "JAVA_21",
}

// covered is a resource that Inspector knows: machines come first, then functions and images.
func (s *site) covered(k int) types.CoveredResource {
	d := s.at("coverage", k).draw()
	scanned, _ := cycle(d, s.o.anchor, s.now, time.Duration(6+d.n(18))*time.Hour)
	item := types.CoveredResource{
		AccountId: aws.String(s.a.id), ScanType: types.ScanTypePackage, LastScannedAt: aws.Time(scanned), ResourceMetadata: &types.ResourceScanMetadata{},
		ScanStatus: &types.ScanStatus{StatusCode: types.ScanStatusCodeActive, Reason: types.ScanStatusReasonSuccessful},
	}
	idle := func(reason types.ScanStatusReason) {
		item.LastScannedAt, item.ScanStatus = nil, &types.ScanStatus{StatusCode: types.ScanStatusCodeInactive, Reason: reason}
	}
	switch {
	case k < s.Instances:
		m := s.machine(k)
		item.ResourceId, item.ResourceType, item.ScanMode = aws.String(m.id), types.CoverageResourceTypeAwsEc2Instance, types.ScanModeEc2SsmAgentBased
		item.ResourceMetadata.Ec2 = &types.Ec2Metadata{AmiId: aws.String(s.imageID(m)), Platform: types.Ec2PlatformLinux, Tags: tagMap(s.machineTags(m))}
		switch {
		case m.stopped:
			idle(types.ScanStatusReasonEc2InstanceStopped)
		case d.chance(8):
			idle(types.ScanStatusReasonUnmanagedEc2Instance)
		}
		return item
	case k < s.Instances+s.Functions:
		n := k - s.Instances
		f := s.function(n)
		item.ResourceId, item.ResourceType = aws.String(s.functionARN(n)+":$LATEST"), types.CoverageResourceTypeAwsLambdaFunction
		item.ResourceMetadata.LambdaFunction = &types.LambdaFunctionMetadata{
			FunctionName: f.FunctionName, Layers: []string{}, FunctionTags: tagMap(s.o.resourceTags(s.a, s.at("function", n), "", "function")),
			Runtime: inspectedRuntimes[string(f.Runtime)],
		}
		if item.ResourceMetadata.LambdaFunction.Runtime == "" {
			item.ResourceMetadata.LambdaFunction.Runtime = types.RuntimeUnsupported
			idle(types.ScanStatusReasonUnsupportedRuntime)
		}
		return item
	}
	k -= s.Instances + s.Functions
	s.eachScannedImage(func(r, i, _ int) bool {
		if k--; k >= 0 {
			return true
		}
		im := s.image(r, i)
		item.ResourceId, item.ResourceType = aws.String(s.repositoryARN(r)+"/"+im.digest), types.CoverageResourceTypeAwsEcrContainerImage
		item.ResourceMetadata.EcrRepository = &types.EcrRepositoryMetadata{Name: aws.String(s.repositoryName(r)), ScanFrequency: types.EcrScanFrequencyContinuousScan}
		item.ResourceMetadata.EcrImage = &types.EcrContainerImageMetadata{Tags: im.tags}
		return false
	})
	return item
}
