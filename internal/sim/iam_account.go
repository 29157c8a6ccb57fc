package sim

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// MFA devices.

// rootHasMFA tells accounts whose root user has a second factor from those
// where nobody saw to it.
func (d *directory) rootHasMFA() bool {
	return !d.forgotten() && d.seed.s("root mfa").draw().chance(85)
}

// mfaOf are the devices of a user: an app for most people, a key or a token
// for some.
func (d *directory) mfaOf(i int) []types.MFADevice {
	s := d.at("mfa", i).draw()
	if d.isService(i) || s.chance(25) {
		return nil
	}
	name := d.userName(i)
	serial := d.arn("mfa/" + name)
	switch {
	case s.chance(15):
		serial = d.arn("u2f/user/" + name + "/key-" + s.upper(26))
	case s.chance(10):
		serial = "GAHT" + s.digits(8)
	}
	return []types.MFADevice{{SerialNumber: &serial, UserName: &name, EnableDate: aws.Time(d.created("user", i).Add(time.Hour))}}
}

func listMFADevices(c *call, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	d := c.directory()
	i, err := c.find("user", aws.ToString(in.UserName), d.findUser)
	if err != nil {
		return nil, err
	}
	n, at := of(d.mfaOf(i))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListMFADevicesOutput{MFADevices: items, Marker: next, IsTruncated: more}, err
}

// virtualDevices are those of the root user, of users, and one that was made
// for somebody who never came.
func (d *directory) virtualDevices() []types.VirtualMFADevice {
	var list []types.VirtualMFADevice
	if d.rootHasMFA() {
		since := aws.Time(d.a.joined.Add(time.Hour))
		list = append(list, types.VirtualMFADevice{
			SerialNumber: aws.String(d.arn("mfa/root-account-mfa-device")), EnableDate: since,
			User: &types.User{Arn: aws.String(d.arn("root")), UserId: aws.String(d.a.id), CreateDate: aws.Time(d.a.joined)},
		})
	}
	for i := range d.Users {
		for _, m := range d.mfaOf(i) {
			if strings.Contains(*m.SerialNumber, ":mfa/") {
				user := d.user(i)
				list = append(list, types.VirtualMFADevice{SerialNumber: m.SerialNumber, EnableDate: m.EnableDate, User: &user})
			}
		}
	}
	if d.seed.s("unassigned mfa").draw().chance(30) {
		list = append(list, types.VirtualMFADevice{SerialNumber: aws.String(d.arn("mfa/" + d.o.person(1300).login))})
	}
	return list
}

func listVirtualMFADevices(c *call, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	list := slices.DeleteFunc(c.directory().virtualDevices(), func(v types.VirtualMFADevice) bool {
		switch in.AssignmentStatus {
		case types.AssignmentStatusTypeAssigned:
			return v.User == nil
		case types.AssignmentStatusTypeUnassigned:
			return v.User != nil
		}
		return false
	})
	n, at := of(list)
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: items, Marker: next, IsTruncated: more}, err
}

func listMFADeviceTags(c *call, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	d := c.directory()
	list := d.virtualDevices()
	i := indexOf(len(list), func(i int) bool { return *list[i].SerialNumber == aws.ToString(in.SerialNumber) })
	if i < 0 {
		return nil, c.noSuch("MFA device", aws.ToString(in.SerialNumber))
	}
	var tags []tag
	if d.at("mfa tags", i).draw().chance(20) {
		tags = []tag{{"owner", "team-" + d.a.prod.team + "@example.com"}}
	}
	n, at := of(tagList(tags, iamTag))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListMFADeviceTagsOutput{Tags: items, Marker: next, IsTruncated: more}, err
}

// The credential report. There always is one that is young enough.

func generateCredentialReport(*call, *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeComplete}, nil
}

var reportColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated", "additional_credentials_info",
}

func reportTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "N/A"
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}

func getCredentialReport(c *call, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	d := c.directory()
	lines := [][]string{reportColumns, append([]string{
		"<root_account>", d.arn("root"), reportTime(&d.a.joined), "not_supported", "no_information", "not_supported", "not_supported",
		strconv.FormatBool(d.rootHasMFA()),
	}, d.reportedKeys(nil)...)}
	for i := range d.Users {
		user := d.user(i)
		line := []string{*user.UserName, *user.Arn, reportTime(user.CreateDate), "false", "N/A", "N/A", "N/A"}
		if d.hasPassword(i) {
			line[3], line[4], line[5] = "true", reportTime(user.PasswordLastUsed), reportTime(user.CreateDate)
			if user.PasswordLastUsed == nil {
				line[4] = "no_information"
			}
		}
		line = append(line, strconv.FormatBool(len(d.mfaOf(i)) > 0))
		lines = append(lines, append(line, d.reportedKeys(d.keysOf(i))...))
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll(lines); err != nil {
		return nil, err
	}
	return &iam.GetCredentialReportOutput{
		Content: text.Bytes(), GeneratedTime: aws.Time(d.now.Truncate(4 * time.Hour)), ReportFormat: types.ReportFormatTypeTextCsv,
	}, nil
}

// reportedKeys are the columns from the first access key on.
func (d *directory) reportedKeys(keys []accessKey) []string {
	var columns []string
	for k := range 2 {
		if k >= len(keys) {
			columns = append(columns, "false", "N/A", "N/A", "N/A", "N/A")
			continue
		}
		columns = append(columns, strconv.FormatBool(keys[k].active), reportTime(&keys[k].created), reportTime(&keys[k].used))
		if keys[k].used.IsZero() {
			columns = append(columns, "N/A", "N/A")
		} else {
			columns = append(columns, d.o.regions[0], keys[k].service)
		}
	}
	return append(columns, "false", "N/A", "false", "N/A", "")
}

// The account.

func getAccountSummary(c *call, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	d := c.directory()
	m := map[string]int32{
		"Users": int32(d.Users), "UsersQuota": 5000, "Groups": int32(d.Groups), "GroupsQuota": 300, "Roles": int32(d.Roles), "RolesQuota": 1000,
		"Policies": int32(d.Policies), "PoliciesQuota": 1500, "InstanceProfiles": int32(len(d.profiles())), "InstanceProfilesQuota": 1000,
		"Providers": int32(1 + len(d.issuers())), "ServerCertificates": 0, "ServerCertificatesQuota": 20, "AccessKeysPerUserQuota": 2, "GroupsPerUserQuota": 10,
		"AccountAccessKeysPresent": 0, "AccountSigningCertificatesPresent": 0, "AccountPasswordPresent": 1, "AccountMFAEnabled": 0,
		"MFADevices": int32(len(d.virtualDevices())), "MFADevicesInUse": 0, "GlobalEndpointTokenVersion": 1, "PolicySizeQuota": 6144, "VersionsPerPolicyQuota": 5,
	}
	if d.rootHasMFA() {
		m["AccountMFAEnabled"], m["MFADevicesInUse"] = 1, 1
	}
	for i := range d.Users {
		m["MFADevicesInUse"] += int32(len(d.mfaOf(i)))
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: m}, nil
}

func listAccountAliases(c *call, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	var aliases []string
	if c.account.kind == kindWorkload {
		aliases = []string{"larkfield-" + c.account.prod.name + "-" + c.account.env + "-" + c.account.id[8:]}
	}
	n, at := of(aliases)
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListAccountAliasesOutput{AccountAliases: items, Marker: next, IsTruncated: more}, err
}

// accountPasswordPolicy is what the company asks for, where somebody set it.
func accountPasswordPolicy(c *call, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	d := c.directory()
	s := d.seed.s("password policy").draw()
	if s.chance(30) {
		return nil, c.fault("NoSuchEntity", 404, "The Password Policy with domain name %s cannot be found.", d.a.id)
	}
	p := &types.PasswordPolicy{
		MinimumPasswordLength: aws.Int32(14), RequireLowercaseCharacters: true, RequireUppercaseCharacters: true, RequireNumbers: true, RequireSymbols: true,
		AllowUsersToChangePassword: true, PasswordReusePrevention: aws.Int32(24), HardExpiry: aws.Bool(false),
	}
	if s.chance(30) {
		p.ExpirePasswords, p.MaxPasswordAge = true, aws.Int32(90)
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: p}, nil
}

// profiles are the numbers of the roles that have an instance profile.
func (d *directory) profiles() []int {
	var list []int
	for i := range d.Roles {
		if d.roleKindOf(i).profile {
			list = append(list, i)
		}
	}
	return list
}

func listInstanceProfiles(c *call, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	d := c.directory()
	roles := d.profiles()
	items, next, more, err := marked(c, in.Marker, in.MaxItems, len(roles), all(func(k int) types.InstanceProfile {
		return d.roleDetail(roles[k]).InstanceProfileList[0]
	}))
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: items, Marker: next, IsTruncated: more}, err
}

func listInstanceProfileTags(c *call, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	d := c.directory()
	i, err := c.find("instance profile", aws.ToString(in.InstanceProfileName), d.findRole)
	if err != nil {
		return nil, err
	}
	if !d.roleKindOf(i).profile {
		return nil, c.noSuch("instance profile", *in.InstanceProfileName)
	}
	n, at := of(tagList(d.roleTags(i), iamTag))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListInstanceProfileTagsOutput{Tags: items, Marker: next, IsTruncated: more}, err
}

// Identity providers.

// samlARN is the provider that IAM Identity Center puts into every account.
func (d *directory) samlARN() string {
	return d.arn("saml-provider/AWSSSO_" + d.seed.s("saml").draw().hex(16) + "_DO_NOT_DELETE")
}

func (d *directory) saml() types.SAMLProviderListEntry {
	since := d.a.joined.Add(2 * time.Hour)
	return types.SAMLProviderListEntry{Arn: aws.String(d.samlARN()), CreateDate: &since, ValidUntil: aws.Time(since.AddDate(100, 0, 0))}
}

func listSAMLProviders(c *call, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	return &iam.ListSAMLProvidersOutput{SAMLProviderList: []types.SAMLProviderListEntry{c.directory().saml()}}, nil
}

func getSAMLProvider(c *call, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	d := c.directory()
	if aws.ToString(in.SAMLProviderArn) != d.samlARN() {
		return nil, c.fault("NoSuchEntity", 404, "Manifest not found for arn %s", aws.ToString(in.SAMLProviderArn))
	}
	listed, s := d.saml(), d.seed.s("saml facts").draw()
	return &iam.GetSAMLProviderOutput{
		CreateDate: listed.CreateDate, ValidUntil: listed.ValidUntil, SAMLProviderUUID: aws.String("SAMLP" + s.upper(16)),
		AssertionEncryptionMode: types.AssertionEncryptionModeTypeAllowed, PrivateKeyList: []types.SAMLPrivateKey{},
		SAMLMetadataDocument: aws.String(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://portal.sso.` + d.o.IdentityRegion() + `.amazonaws.com/saml/metadata/` + s.alnum(32) + `"></EntityDescriptor>`),
	}, nil
}

const pipelineIssuer = "token.actions.githubusercontent.com"

// issuers are the OpenID Connect providers: the delivery pipeline, and each
// Kubernetes cluster.
func (d *directory) issuers() []string {
	list := []string{pipelineIssuer}
	for _, region := range d.o.regions {
		s := d.o.site(d.a, region)
		for n := range s.Clusters {
			list = append(list, strings.TrimPrefix(*s.cluster(n).Identity.Oidc.Issuer, "https://"))
		}
	}
	return list
}

func (d *directory) issuerARN(issuer string) string { return d.arn("oidc-provider/" + issuer) }

func listOIDCProviders(c *call, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	d := c.directory()
	out := &iam.ListOpenIDConnectProvidersOutput{}
	for _, issuer := range d.issuers() {
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, types.OpenIDConnectProviderListEntry{Arn: aws.String(d.issuerARN(issuer))})
	}
	return out, nil
}

func getOIDCProvider(c *call, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	d := c.directory()
	issuers := d.issuers()
	i := indexOf(len(issuers), func(i int) bool { return d.issuerARN(issuers[i]) == aws.ToString(in.OpenIDConnectProviderArn) })
	if i < 0 {
		return nil, c.fault("NoSuchEntity", 404, "OpenIDConnect Provider not found for arn %s", aws.ToString(in.OpenIDConnectProviderArn))
	}
	s := d.at("issuer", i).draw()
	return &iam.GetOpenIDConnectProviderOutput{
		Url: &issuers[i], ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{s.hex(40)}, CreateDate: aws.Time(d.created("issuer", i)),
		Tags: tagList(d.o.resourceTags(d.a, d.at("issuer tags", i), "", "identity"), iamTag),
	}, nil
}
