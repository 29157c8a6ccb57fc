package doctor

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"

	"stocktake/extract"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
)

// policies are the kinds that AWS's messages name, as in "because no session policy
// allows the … action" and "with an explicit deny in a permissions boundary".
var (
	denying  = regexp.MustCompile(`(?i)explicit deny in an? ([a-z -]+ policy|permissions boundary)`)
	allowing = regexp.MustCompile(`(?i)because no ([a-z -]+ policy|permissions boundary) allows`)
)

// cause says in plain words why an outcome is as it is.
func cause(o outcome.Outcome) string {
	said := said(o)
	switch o.Kind {
	case outcome.Denied, outcome.Blocked, outcome.Partial:
		action := o.MissingAction
		if action == "" {
			return said
		}
		if m := denying.FindStringSubmatch(o.Message); m != nil {
			article := "A"
			if strings.HasPrefix(m[1], "i") {
				article = "An"
			}
			return fmt.Sprintf("%s %s denies %s explicitly. %s", article, m[1], action, said)
		}
		if m := allowing.FindStringSubmatch(o.Message); m != nil {
			return fmt.Sprintf("No %s allows %s. %s", m[1], action, said)
		}
		return fmt.Sprintf("%s is refused, and AWS does not say by which policy. %s", action, said)
	case outcome.NotEnabled:
		return "The service is not switched on in this account and region; a run records not_enabled, which is no fault. " + said
	case outcome.RegionDisabled:
		return "The account has not opted in to the region. " + said
	case outcome.Unavailable:
		return "The service has no endpoint in the region. " + said
	case outcome.Throttled:
		return "AWS refuses the calls for their rate: someone else calls the same service in the account, or its quota is low. " + said
	case outcome.CredentialsExpired:
		return "The credentials have ended, or are not known to AWS. " + said
	}
	return said
}

// said is what AWS answered.
func said(o outcome.Outcome) string {
	switch {
	case o.Code != "" && o.Message != "" && o.Code != o.Message:
		return fmt.Sprintf("Answer: %s: %s", o.Code, o.Message)
	case o.Message != "":
		return "Answer: " + o.Message
	}
	return o.Code
}

// cure says what to do about an outcome.
func cure(o outcome.Outcome, service string) string {
	action := o.MissingAction
	switch o.Kind {
	case outcome.Denied, outcome.Blocked, outcome.Partial:
		if action == "" {
			return o.Advice
		}
		policy := ""
		for _, form := range []*regexp.Regexp{denying, allowing} {
			if m := form.FindStringSubmatch(o.Message); m != nil {
				policy = strings.ToLower(m[1])
			}
		}
		switch {
		case policy == "service control policy" || policy == "resource control policy":
			return fmt.Sprintf("Have the administrators of the organization exempt the role from that %s for %s, or set accept_blocked: true if it is intended. A policy of the role cannot help.", policy, action)
		case policy == "permissions boundary":
			return fmt.Sprintf("Add %s to the permissions boundary of the role. A policy of the role alone cannot help.", action)
		case policy == "session policy":
			return fmt.Sprintf("The session was made with a policy that lacks %s: use base credentials without a session policy, or add the action to it.", action)
		case policy == "identity-based policy" && denying.MatchString(o.Message):
			return fmt.Sprintf("Remove the statement that denies %s from the policies of the role; to allow it elsewhere cannot help.", action)
		case policy == "identity-based policy":
			return fmt.Sprintf("Allow %s in the policy of the role that stocktake uses there.", action)
		case policy != "":
			return fmt.Sprintf("Change the %s of what is asked about, so that the role may use %s.", policy, action)
		}
		return fmt.Sprintf("Allow %s in the policy of the role that stocktake uses there; if it is allowed, look for a service control policy or a permissions boundary.", action)
	case outcome.NotEnabled:
		if service == "resourceexplorer2" {
			return "In each region: aws resource-explorer-2 create-index --region REGION; in one of them make it the aggregator (aws resource-explorer-2 update-index-type --type AGGREGATOR) and create a default view. Or leave its tables out of collect."
		}
		return "Enable the service there if you want its data, or leave its tables out of collect."
	case outcome.RegionDisabled:
		return "Enable the region in the account, or leave it out of regions of the source."
	case outcome.Unavailable:
		return "Nothing to do."
	case outcome.Throttled:
		return "Lower the rate of the service in the configuration (rates), or run at a quieter time."
	case outcome.CredentialsExpired:
		return "Renew the base credentials of the source."
	}
	return o.Advice
}

// role is one that could not be assumed, and what is known of others.
type role struct {
	arn, caller string
	others      int  // accounts whose role of the same name could be assumed
	refused     int  // accounts whose role could not
	sameName    bool // the accounts are entered by one name
}

// roleCause tells why a role cannot be assumed, as far as it can be told: AWS has
// one answer for most causes.
func roleCause(o outcome.Outcome, r role) (why, what string) {
	answer := said(o)
	account := accountOf(r.arn)
	caller := r.caller
	if caller == "" {
		caller = "the caller"
	}
	policy := allowing.FindStringSubmatch(o.Message)
	switch {
	case o.Code == "wrong_account":
		return answer, o.Advice
	case o.Code == "ValidationError" && strings.Contains(o.Message, "role chaining"):
		return "A session that comes from another role lasts an hour at most. " + answer, "Remove duration from the hop, or set it to at most 1h."
	case o.Code == "ValidationError" && strings.Contains(o.Message, "MaxSessionDuration"):
		return "The role allows shorter sessions than duration asks for. " + answer, "Lower duration, or raise the maximum session duration of role " + r.arn + "."
	case o.Code == "RegionDisabledException":
		return "STS is not active for that account in the region that is asked. " + answer, "Set home_region of the source to a region where account " + account + " has STS activated."
	case o.Kind == outcome.Blocked, denying.MatchString(o.Message):
		return cause(o), cure(o, "sts")
	case o.Kind != outcome.Denied:
		return cause(o), cure(o, "sts")
	case policy != nil:
		return fmt.Sprintf("No %s of %s allows sts:AssumeRole on the role. %s", policy[1], caller, answer),
			fmt.Sprintf("Allow %s sts:AssumeRole on %s.", caller, r.arn)
	case r.sameName && r.others > 0:
		return fmt.Sprintf("Roles of this name can be assumed in other accounts, so %s and the external ID are right there. Most likely first: role %s does not exist in account %s; its trust policy does not name %s; it asks for another external ID; a service control policy binds that account. %s",
				caller, r.arn, account, caller, answer),
			fmt.Sprintf("Roll the role out to account %s, as the other accounts have it (a StackSet leaves out the management account, and accounts that joined later without automatic deployment); if it is there, compare its trust policy.", account)
	case r.sameName && r.refused > 1:
		return fmt.Sprintf("No role of this name can be assumed in any of %d accounts, so the cause is likely one for all. Most likely first: %s may not sts:AssumeRole; the external ID of the configuration is not the one of the trust policies; the trust policies name another principal; the role has another name or path. %s",
				r.refused, caller, answer),
			fmt.Sprintf("Allow %s sts:AssumeRole on %s in its own policy; compare external_id with sts:ExternalId in the trust policy, the Principal there with %s, and member_role with the role's name and path.", caller, anyAccount(r.arn), caller)
	}
	return fmt.Sprintf("AWS has one answer for several causes. Most likely first: the trust policy of the role does not name %s; the external ID differs or is missing; the role does not exist in account %s; %s may not sts:AssumeRole; a service control policy forbids it. %s",
			caller, account, caller, answer),
		fmt.Sprintf("See in account %s that %s exists, that its trust policy names %s as Principal and the configuration's external_id as sts:ExternalId; then allow %s sts:AssumeRole on it.", account, r.arn, caller, caller)
}

// anyAccount is a role's ARN with * for the account.
func anyAccount(arn string) string {
	return strings.Replace(arn, ":"+accountOf(arn)+":", ":*:", 1)
}

// baseCause tells why the base identity does not answer.
func baseCause(err error, profile string) (why, what string) {
	o := extract.Explain(err)
	answer := said(o)
	var sso *ssocreds.InvalidTokenError
	var noProfile awsconfig.SharedConfigProfileNotExistError
	text := err.Error()
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
	}
	switch {
	case errors.As(err, &sso), has("SSO token", "SSO session", "SSOOIDC", "SSO OIDC", "operation error SSO:"):
		return "The SSO session of profile " + profile + " is over, or was never begun. " + answer,
			"Run aws sso login --profile " + profile + ". For runs without a person at hand use a role of the machine in place of SSO."
	case errors.As(err, &noProfile):
		return "There is no such profile. " + answer, "Create profile " + profile + " (aws configure --profile " + profile + "), or name another in credentials.profile of the source."
	case o.Code == "wrong_account":
		return answer, o.Advice
	case has("no EC2 IMDS role found", "static credentials are empty", "failed to retrieve credentials", "no valid providers in chain"):
		return "No credentials were found: not in the configuration, the environment, the shared files, nor from the container or the instance. " + answer,
			"Set credentials of the source, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or give the instance, task or pod a role."
	case o.Kind == outcome.CredentialsExpired:
		return "The base credentials have expired. " + answer, "Renew them (for profile " + profile + ": log in again, or copy new keys); for runs by night use credentials that renew themselves, such as a role of the machine."
	case slices.Contains([]string{"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId"}, o.Code):
		return "AWS does not know the access key: it was deleted or switched off, lacks its session token, belongs to another partition, or the region is not in use. " + answer,
			"Check the access key in IAM, and set home_region to a region that the account uses."
	case slices.Contains([]string{"SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed"}, o.Code):
		return "The secret key does not belong to the access key, or the clock of this machine is wrong. " + answer,
			"Copy the secret key anew, and have the machine keep its time by NTP."
	case o.Code == "unreachable", o.Code == "timeout", o.Kind == outcome.Unavailable:
		return "STS does not answer. " + answer, "Check the network, name resolution, proxies (HTTPS_PROXY) and the region of a VPC endpoint."
	}
	return cause(o), cure(o, "sts")
}

// discovery tells why the accounts of a source cannot be found.
func (w access) discovery(s *config.Source, err error) Finding {
	o := extract.Explain(err)
	f := Finding{Source: s.Name, Account: accountOf(w.lister), Service: "organizations", What: "the accounts of the organization cannot be listed"}
	answer := said(o)
	switch {
	case strings.HasPrefix(o.Code, "AWSOrganizationsNotInUse"):
		f.fail(fmt.Sprintf("Account %s is not in an organization. %s", f.Account, answer),
			"Point discovery.role_arn to the management account, or use a source of kind role, roles or keys.")
	case o.Kind == outcome.Denied && !strings.Contains(o.Message, "not authorized to perform"):
		f.fail(fmt.Sprintf("Account %s is neither the management account nor one to which Organizations has delegated reading, or %s lacks %s. %s", f.Account, w.lister, o.MissingAction, answer),
			"Point discovery.role_arn to a role in the management account, or delegate Organizations to account "+f.Account+" (a resource policy of the organization), and allow the action to the role.")
	case o.Kind == outcome.Denied:
		f.fail(cause(o), fmt.Sprintf("Allow %s to %s. In an account that is neither the management account nor a delegated one that is not enough: point discovery.role_arn to a role there.", o.MissingAction, w.lister))
	default:
		f.fail(cause(o), cure(o, "organizations"))
	}
	return f
}
