package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
)

func cognitoService() service {
	return service{
		id: "Cognito Identity Provider", name: "cognitoidentityprovider", prefix: "cognito-idp",
		dialect: jsonDialect.with(func(d *dialect) {
			d.throttled = Fault{"TooManyRequestsException", "Rate exceeded", 400}
			d.internal = Fault{"InternalErrorException", "Something went wrong", 500}
			d.badToken, d.badInput = "InvalidParameterException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.TooManyRequestsException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalErrorException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listUserPools, "MaxResults", "NextToken"),
			op(describeUserPool, "UserPoolId"),
			op(listPoolUsers, "UserPoolId", "Limit", "PaginationToken"),
		},
	}
}

var cognitoPages = limits{least: 1, most: 60}

// userPools is the number of pools: what faces customers has functions.
func (s *site) userPools() int { return (s.Functions + 5) / 6 }

func (s *site) userPoolID(n int) string {
	return s.region + "_" + s.at("user pool", n).draw().alnum(9)
}

func (s *site) userPoolARN(n int) string {
	return s.arn("cognito-idp", "userpool/"+s.userPoolID(n))
}

// userPoolListed is a pool as the list has it.
func (s *site) userPoolListed(n int) types.UserPoolDescriptionType {
	d := s.at("user pool facts", n).draw()
	since := d.before(s.o.anchor, 900)
	pool := types.UserPoolDescriptionType{
		Id: aws.String(s.userPoolID(n)), Name: aws.String(s.a.prod.name + "-" + pickOf([]string{"customers", "partners", "staff"}, n)),
		CreationDate: aws.Time(since), LastModifiedDate: aws.Time(since.AddDate(0, 0, d.n(30))), LambdaConfig: &types.LambdaConfigType{},
	}
	if d.chance(50) {
		pool.LambdaConfig.PreSignUp = aws.String(s.functionARN(d.n(s.Functions)))
	}
	return pool
}

func listUserPools(c *call, in *cognitoidentityprovider.ListUserPoolsInput) (*cognitoidentityprovider.ListUserPoolsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, cognitoPages, s.userPools(), all(s.userPoolListed))
	return &cognitoidentityprovider.ListUserPoolsOutput{UserPools: items, NextToken: next}, err
}

// inPool finds the pool that an operation names.
func (c *call) inPool(id *string) (*site, int, error) {
	s := c.site()
	n := indexOf(s.userPools(), func(n int) bool { return s.userPoolID(n) == aws.ToString(id) })
	if n < 0 {
		return nil, 0, c.fault("ResourceNotFoundException", 400, "User pool %s does not exist.", aws.ToString(id))
	}
	return s, n, nil
}

func describeUserPool(c *call, in *cognitoidentityprovider.DescribeUserPoolInput) (*cognitoidentityprovider.DescribeUserPoolOutput, error) {
	s, n, err := c.inPool(in.UserPoolId)
	if err != nil {
		return nil, err
	}
	at, listed := s.at("user pool", n), s.userPoolListed(n)
	d := at.s("settings").draw()
	attribute := func(name string, required bool) types.SchemaAttributeType {
		return types.SchemaAttributeType{
			Name: &name, AttributeDataType: types.AttributeDataTypeString, Mutable: aws.Bool(name != "sub"), Required: &required, DeveloperOnlyAttribute: aws.Bool(false),
			StringAttributeConstraints: &types.StringAttributeConstraintsType{MinLength: aws.String("0"), MaxLength: aws.String("2048")},
		}
	}
	pool := &types.UserPoolType{
		Id: listed.Id, Name: listed.Name, Arn: aws.String(s.userPoolARN(n)), CreationDate: listed.CreationDate, LastModifiedDate: listed.LastModifiedDate,
		LambdaConfig: listed.LambdaConfig, EstimatedNumberOfUsers: int32(s.poolUsers()),
		MfaConfiguration:       pick(d, []types.UserPoolMfaType{types.UserPoolMfaTypeOff, types.UserPoolMfaTypeOptional, types.UserPoolMfaTypeOn}),
		DeletionProtection:     types.DeletionProtectionTypeInactive,
		UserPoolTier:           pick(d, []types.UserPoolTierType{types.UserPoolTierTypeEssentials, types.UserPoolTierTypeLite}),
		AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
		UsernameAttributes:     []types.UsernameAttributeType{types.UsernameAttributeTypeEmail},
		UsernameConfiguration:  &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)},
		AdminCreateUserConfig:  &types.AdminCreateUserConfigType{AllowAdminCreateUserOnly: d.chance(30), UnusedAccountValidityDays: 7},
		AccountRecoverySetting: &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{
			{Name: types.RecoveryOptionNameTypeVerifiedEmail, Priority: aws.Int32(1)},
		}},
		EmailConfiguration: &types.EmailConfigurationType{EmailSendingAccount: types.EmailSendingAccountTypeCognitoDefault},
		Policies: &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{
			MinimumLength: aws.Int32(int32(pick(d, []int{8, 8, 12}))), RequireLowercase: true, RequireUppercase: true, RequireNumbers: true,
			RequireSymbols: d.chance(60), TemporaryPasswordValidityDays: 7,
		}},
		SchemaAttributes:            []types.SchemaAttributeType{attribute("sub", true), attribute("email", true), attribute("custom:plan", false), attribute("custom:legacy_pin", false)},
		VerificationMessageTemplate: &types.VerificationMessageTemplateType{DefaultEmailOption: types.DefaultEmailOptionTypeConfirmWithCode},
		UserPoolTags:                tagMap(s.o.resourceTags(s.a, at, "", "accounts")),
	}
	if s.a.env == "prod" {
		pool.DeletionProtection = types.DeletionProtectionTypeActive
		pool.Domain = aws.String(*listed.Name + "-" + d.lower(6))
	}
	return &cognitoidentityprovider.DescribeUserPoolOutput{UserPool: pool}, nil
}

// poolUsers is the number of users in a pool.
func (s *site) poolUsers() int { return 5 * s.Functions }

// poolUser is a customer, and what the shop has come to keep about one.
func (s *site) poolUser(pool, i int) types.UserType {
	at := s.at("pool user", pool).i(i)
	d := at.draw()
	sub := d.uuid()
	p := s.o.person(2000 + d.n(2000))
	since := d.before(s.o.anchor, 700)
	u := types.UserType{
		Username: &sub, Enabled: !d.chance(3), UserCreateDate: aws.Time(since), UserLastModifiedDate: aws.Time(since.Add(time.Duration(d.n(900)) * time.Hour)),
		UserStatus: types.UserStatusTypeConfirmed,
	}
	verified := "true"
	switch {
	case d.chance(10):
		u.UserStatus, verified = types.UserStatusTypeUnconfirmed, "false"
	case d.chance(5):
		u.UserStatus = types.UserStatusTypeForceChangePassword
	}
	attribute := func(name, value string) {
		u.Attributes = append(u.Attributes, types.AttributeType{Name: &name, Value: &value})
	}
	attribute("sub", sub)
	attribute("email", p.login+"@example.net")
	attribute("email_verified", verified)
	if d.chance(60) {
		attribute("given_name", p.given)
		attribute("family_name", p.family)
	}
	if d.chance(20) {
		attribute("phone_number", "+3120555"+d.digits(4))
	}
	attribute("custom:plan", pick(d, []string{"free", "plus", "family"}))
	if d.chance(30) {
		attribute("custom:legacy_pin", s.o.canary(d.n(canaries)))
	}
	return u
}

func listPoolUsers(c *call, in *cognitoidentityprovider.ListUsersInput) (*cognitoidentityprovider.ListUsersOutput, error) {
	s, n, err := c.inPool(in.UserPoolId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.PaginationToken, in.Limit}, cognitoPages, s.poolUsers(), all(func(i int) types.UserType { return s.poolUser(n, i) }))
	return &cognitoidentityprovider.ListUsersOutput{Users: items, PaginationToken: next}, err
}
