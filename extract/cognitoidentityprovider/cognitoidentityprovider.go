// Package cognitoidentityprovider collects the user pools of Amazon Cognito and
// the users in them.
package cognitoidentityprovider

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"stocktake/extract"
)

var service = extract.Service[cognitoidentityprovider.Client, cognitoidentityprovider.Options]{
	Info: extract.ServiceInfo{Name: "cognito", ID: cognitoidentityprovider.ServiceID, IAM: "cognito-idp"},
	New:  cognitoidentityprovider.NewFromConfig,
}

var page = aws.Int32(60)

const gone = "ResourceNotFoundException"

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[cognitoidentityprovider.Client, extract.Root, UserPool]{
		Table: "aws_cognito_user_pools",
		Rows: extract.Described(
			extract.Pages(service, cognitoidentityprovider.NewListUserPoolsPaginator,
				extract.Always(&cognitoidentityprovider.ListUserPoolsInput{MaxResults: page}),
				func(o *cognitoidentityprovider.ListUserPoolsOutput) []types.UserPoolDescriptionType {
					return o.UserPools
				}),
			extract.DescribeNamed((*cognitoidentityprovider.Client).DescribeUserPool,
				func(_ *extract.Root, listed types.UserPoolDescriptionType) *cognitoidentityprovider.DescribeUserPoolInput {
					return &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: listed.Id}
				},
				func(listed types.UserPoolDescriptionType, o *cognitoidentityprovider.DescribeUserPoolOutput) UserPool {
					pool := extract.Copy(UserPool{}, *o.UserPool)
					pool.UserPoolDescriptionType = listed
					return pool
				}).Gone(gone).
				Else(func(_ *extract.Root, listed types.UserPoolDescriptionType) UserPool {
					return UserPool{UserPoolDescriptionType: listed}
				}, "creation_date", "id", "lambda_config", "last_modified_date", "name", "replica_regions", "status", "arn")),
		Children: []extract.Branch[cognitoidentityprovider.Client, UserPool]{users},
	}),
}

var users = extract.Level[cognitoidentityprovider.Client, UserPool, User]{
	Table: "aws_cognito_users",
	Gone:  []string{gone},
	Rows: extract.Pages(service, cognitoidentityprovider.NewListUsersPaginator,
		func(in *UserPool) *cognitoidentityprovider.ListUsersInput {
			return &cognitoidentityprovider.ListUsersInput{UserPoolId: in.Id, Limit: page}
		},
		func(o *cognitoidentityprovider.ListUsersOutput) []User { return extract.Map(o.Users, user) }),
	Own: func(in *UserPool, row *User) { row.UserPoolId = in.Id },
}

// UserPool is a types.UserPoolDescriptionType with what a types.UserPoolType
// adds to it.
type UserPool struct {
	types.UserPoolDescriptionType
	extract.Incomplete
	AccountRecoverySetting      *types.AccountRecoverySettingType
	AdminCreateUserConfig       *types.AdminCreateUserConfigType
	AliasAttributes             []types.AliasAttributeType
	Arn                         *string
	AutoVerifiedAttributes      []types.VerifiedAttributeType
	CustomDomain                *string
	DeletionProtection          types.DeletionProtectionType
	DeviceConfiguration         *types.DeviceConfigurationType
	Domain                      *string
	EmailConfiguration          *types.EmailConfigurationType
	EmailConfigurationFailure   *string
	EmailVerificationMessage    *string
	EmailVerificationSubject    *string
	EstimatedNumberOfUsers      int32
	IssuerConfiguration         *types.IssuerConfigurationType
	KeyConfiguration            *types.KeyConfigurationType
	MfaConfiguration            types.UserPoolMfaType
	Policies                    *types.UserPoolPolicyType
	SchemaAttributes            []types.SchemaAttributeType
	SmsAuthenticationMessage    *string
	SmsConfiguration            *types.SmsConfigurationType
	SmsConfigurationFailure     *string
	SmsVerificationMessage      *string
	UserAttributeUpdateSettings *types.UserAttributeUpdateSettingsType
	UserPoolAddOns              *types.UserPoolAddOnsType
	UserPoolTags                map[string]string
	UserPoolTier                types.UserPoolTierType
	UsernameAttributes          []types.UsernameAttributeType
	UsernameConfiguration       *types.UsernameConfigurationType
	VerificationMessageTemplate *types.VerificationMessageTemplateType
}

// User is a types.UserType with its attributes parted by how they are kept:
// nobody knows what the owner of a pool puts into those of its own.
type User struct {
	Enabled              bool
	MFAOptions           []types.MFAOptionType
	UserCreateDate       *time.Time
	UserLastModifiedDate *time.Time
	UserStatus           types.UserStatusType
	Username             *string
	UserPoolId           *string
	Sub                  *string
	StandardAttributes   map[string]string
	CustomAttributes     map[string]string
}

func user(item types.UserType) User {
	u := User{
		Enabled: item.Enabled, MFAOptions: item.MFAOptions, UserCreateDate: item.UserCreateDate, UserLastModifiedDate: item.UserLastModifiedDate,
		UserStatus: item.UserStatus, Username: item.Username, StandardAttributes: map[string]string{}, CustomAttributes: map[string]string{},
	}
	for _, a := range item.Attributes {
		switch name := aws.ToString(a.Name); {
		case name == "sub":
			u.Sub = a.Value
		case strings.HasPrefix(name, "custom:"), strings.HasPrefix(name, "dev:"):
			u.CustomAttributes[name] = aws.ToString(a.Value)
		default:
			u.StandardAttributes[name] = aws.ToString(a.Value)
		}
	}
	return u
}
