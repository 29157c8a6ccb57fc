package sim

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

func lambdaService() service {
	return service{
		id: "Lambda", name: "lambda",
		dialect: restDialect.with(func(d *dialect) {
			d.throttled = Fault{"TooManyRequestsException", "Rate exceeded", 429}
			d.internal = Fault{"ServiceException", "An error occurred and the request cannot be processed.", 500}
			d.badToken, d.badInput = "InvalidParameterValueException", "InvalidParameterValueException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.TooManyRequestsException{Message: m} },
			func(m *string) smithy.APIError { return &types.ServiceException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterValueException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listFunctions, "Marker", "MaxItems"),
			op(listFunctionTags, "Resource").as("lambda:ListTags"),
			op(functionPolicy, "FunctionName"),
			op(listFunctionURLs, "FunctionName", "Marker", "MaxItems"),
			op(functionConcurrency, "FunctionName"),
		},
	}
}

var functionNames = []string{
	"on-upload", "nightly-export", "webhook", "thumbnail", "retry-queue", "sync-prices", "send-receipts", "rotate-logs", "health-probe", "cleanup",
}

func (s *site) functionName(n int) string { return s.a.prod.name + "-" + pickOf(functionNames, n) }

func (s *site) functionARN(n int) string { return s.arn("lambda", "function:"+s.functionName(n)) }

const canaries = 24

// Canaries are all secrets that ever occur in an answer. None of them may be found in what a reader keeps.
func (o *Organization) Canaries() []string {
	var list []string
	for i := range canaries {
		list = append(list, o.canary(i))
	}
	return list
}

func (o *Organization) canary(i int) string {
	return o.seed.s("canary").i(i % canaries).draw().alnum(28)
}

// environment is what a function runs with, if anything.
func (s *site) environment(n int) map[string]string {
	d := s.at("environment", n).draw()
	if d.chance(20) {
		return nil
	}
	return s.variables(d)
}

// variables are settings and, as in too many companies, secrets.
func (s *site) variables(d *draw) map[string]string {
	vars := map[string]string{"LOG_LEVEL": pick(d, []string{"info", "debug", "warn"}), "STAGE": s.a.env, "TABLE_NAME": s.a.prod.name + "-" + s.a.env}
	for range 1 + d.n(2) {
		switch secret := s.o.canary(d.n(canaries)); d.n(5) {
		case 0:
			vars["DB_PASSWORD"] = secret
		case 1:
			vars["DATABASE_URL"] = "postgres://app:" + secret + "@db.internal.example.com:5432/app"
		case 2:
			vars["PAYMENT_API_KEY"] = secret
		case 3:
			vars["JWT_SIGNING_KEY"] = secret
		default:
			vars["SMTP_PASSWORD"] = secret
		}
	}
	return vars
}

// functionInVPC says whether a function runs inside the account's network.
func (s *site) functionInVPC(n int) bool {
	return s.Subnets > 0 && s.at("function network", n).draw().chance(40)
}

func (s *site) functionRole(n int) string {
	if s.functionInVPC(n) {
		return s.o.directory(s.a).roleARNOf("~function-vpc")
	}
	return s.o.directory(s.a).roleARNOf("~function-basic")
}

const lambdaTime = "2006-01-02T15:04:05.000-0700"

func (s *site) function(n int) types.FunctionConfiguration {
	d := s.at("function", n).draw()
	runtime := pick(d, []types.Runtime{types.RuntimePython312, types.RuntimeNodejs20x, types.RuntimePython39, types.RuntimeProvidedal2023, types.RuntimeJava21})
	f := types.FunctionConfiguration{
		FunctionName: aws.String(s.functionName(n)), FunctionArn: aws.String(s.functionARN(n)), Role: aws.String(s.functionRole(n)),
		Runtime: runtime, Handler: aws.String("main.handler"), PackageType: types.PackageTypeZip, Version: aws.String("$LATEST"),
		CodeSize: int64(2000 + d.n(30_000_000)), CodeSha256: aws.String(d.alnum(43) + "="), RevisionId: aws.String(d.uuid()),
		MemorySize: aws.Int32(int32(128 << d.n(5))), Timeout: aws.Int32(int32(pick(d, []int{3, 30, 60, 900}))), Description: aws.String(""),
		LastModified: aws.String(d.before(s.o.anchor, 500).Format(lambdaTime)), Architectures: []types.Architecture{pick(d, []types.Architecture{types.ArchitectureX8664, types.ArchitectureArm64})},
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(512)}, TracingConfig: &types.TracingConfigResponse{Mode: types.TracingModePassThrough},
		SnapStart:     &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: aws.String("/aws/lambda/" + s.functionName(n))},
	}
	if vars := s.environment(n); vars != nil {
		f.Environment = &types.EnvironmentResponse{Variables: vars}
	}
	if s.functionInVPC(n) {
		group, vpc := s.groupFor(functionsRole)
		f.VpcConfig = &types.VpcConfigResponse{
			VpcId: aws.String(s.vpcID(vpc)), SubnetIds: []string{s.subnetID(vpc + s.VPCs*d.n(s.subnetsIn(vpc)))}, SecurityGroupIds: []string{s.groupID(group)},
			Ipv6AllowedForDualStack: aws.Bool(false),
		}
	}
	if d.chance(25) {
		f.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String(s.arn("sqs", s.functionName(n)+"-failed"))}
	}
	return f
}

func listFunctions(c *call, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.MaxItems}, limits{least: 1, most: 10000, page: 50}, s.Functions, all(s.function))
	return &lambda.ListFunctionsOutput{Functions: items, NextMarker: next}, err
}

// findFunction takes a name or an ARN.
func (c *call) findFunction(s *site, name string) (int, error) {
	n := indexOf(s.Functions, func(n int) bool { return s.functionName(n) == name || s.functionARN(n) == name })
	if n < 0 {
		if !strings.HasPrefix(name, "arn:") {
			name = c.arn("function:" + name)
		}
		return 0, c.fault("ResourceNotFoundException", 404, "Function not found: %s", name)
	}
	return n, nil
}

func listFunctionTags(c *call, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	s := c.site()
	n, err := c.findFunction(s, aws.ToString(in.Resource))
	if err != nil {
		return nil, err
	}
	return &lambda.ListTagsOutput{Tags: tagMap(s.o.resourceTags(s.a, s.at("function", n), "", "function"))}, nil
}

func functionPolicy(c *call, in *lambda.GetPolicyInput) (*lambda.GetPolicyOutput, error) {
	s := c.site()
	n, err := c.findFunction(s, aws.ToString(in.FunctionName))
	if err != nil {
		return nil, err
	}
	d := s.at("function policy", n).draw()
	if !d.chance(45) {
		return nil, c.fault("ResourceNotFoundException", 404, "The resource you requested does not exist.")
	}
	p := policy(statement{
		Sid: "invoke", Effect: "Allow", Principal: map[string]any{"Service": pick(d, []string{"s3.amazonaws.com", "events.amazonaws.com", "apigateway.amazonaws.com"})},
		Action: "lambda:InvokeFunction", Resource: s.functionARN(n),
		Condition: map[string]any{"StringEquals": map[string]string{"AWS:SourceAccount": s.a.id}},
	})
	return &lambda.GetPolicyOutput{Policy: aws.String(p.json()), RevisionId: aws.String(d.uuid())}, nil
}

// functionURL says whether a function has a URL, and whether anyone may call it.
func (s *site) functionURL(n int) (exists, open bool) {
	d := s.at("function URL", n).draw()
	return d.chance(15), d.chance(30)
}

func listFunctionURLs(c *call, in *lambda.ListFunctionUrlConfigsInput) (*lambda.ListFunctionUrlConfigsOutput, error) {
	s := c.site()
	n, err := c.findFunction(s, aws.ToString(in.FunctionName))
	if err != nil {
		return nil, err
	}
	var list []types.FunctionUrlConfig
	if exists, open := s.functionURL(n); exists {
		d := s.at("function URL facts", n).draw()
		at := aws.String(d.before(s.o.anchor, 300).Format(lambdaTime))
		item := types.FunctionUrlConfig{
			FunctionArn: aws.String(s.functionARN(n)), FunctionUrl: aws.String("https://" + d.lower(32) + ".lambda-url." + s.region + ".on.aws/"),
			AuthType: types.FunctionUrlAuthTypeAwsIam, CreationTime: at, LastModifiedTime: at, InvokeMode: types.InvokeModeBuffered,
		}
		if open {
			item.AuthType = types.FunctionUrlAuthTypeNone
			item.Cors = &types.Cors{AllowOrigins: []string{"*"}, AllowMethods: []string{"GET", "POST"}}
		}
		list = append(list, item)
	}
	count, at := of(list)
	items, next, err := page(c, request{in.Marker, in.MaxItems}, limits{least: 1, most: 50}, count, at)
	return &lambda.ListFunctionUrlConfigsOutput{FunctionUrlConfigs: items, NextMarker: next}, err
}

func functionConcurrency(c *call, in *lambda.GetFunctionConcurrencyInput) (*lambda.GetFunctionConcurrencyOutput, error) {
	s := c.site()
	n, err := c.findFunction(s, aws.ToString(in.FunctionName))
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionConcurrencyOutput{}
	if d := s.at("concurrency", n).draw(); d.chance(20) {
		out.ReservedConcurrentExecutions = aws.Int32(int32(5 * (1 + d.n(10))))
	}
	return out, nil
}
