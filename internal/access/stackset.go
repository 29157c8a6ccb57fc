package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Deployment is what the commands that deploy a template say beside it.
type Deployment struct {
	Name       string   // of the stack or stack set
	File       string   // with the template
	Region     string   // IAM has none, but a stack lives in one
	RoleName   string   // where it is not the template's default
	ExternalID string   // where the external ID stands, such as a key of the configuration
	Units      []string // of a stack set; none is the organization's root
}

// variables are the parameters as variables of the shell: no command shows an
// external ID.
var variables = map[string]string{"ExternalId": "EXTERNAL_ID", "TrustedPrincipal": "PRINCIPAL"}

const setPrincipal = "PRINCIPAL=       # what stocktake runs as: ARN of a role or user, or an account\n"

func setExternalID(where string) string { return "EXTERNAL_ID=     # " + where + "\n" }

// Variables are lines that set what the commands of the template need.
func (d Deployment) Variables(t Template) string {
	lines := setExternalID(d.ExternalID)
	if slices.Contains(t.Required(), "TrustedPrincipal") {
		lines += setPrincipal
	}
	return lines
}

// Stack are the commands that deploy the template in the account whose
// credentials the AWS CLI has.
func (d Deployment) Stack(t Template) string {
	var overrides []string
	for _, name := range t.Required() {
		overrides = append(overrides, fmt.Sprintf(`%s="$%s"`, name, variables[name]))
	}
	if d.RoleName != "" {
		overrides = append(overrides, "RoleName="+quote(d.RoleName))
	}
	return command(
		"aws cloudformation deploy --region "+quote(d.Region)+" --stack-name "+quote(d.Name),
		"--template-file "+quote(d.File),
		"--capabilities CAPABILITY_NAMED_IAM",
		"--parameter-overrides "+strings.Join(overrides, " "))
}

// StackSet are the commands that deploy the template in the accounts of the
// organization, those to come included. They run in the management account,
// which a StackSet does not reach.
func (d Deployment) StackSet(t Template) string {
	var b strings.Builder
	aws := func(operation string) string {
		return "aws cloudformation " + operation + " --region " + quote(d.Region)
	}
	b.WriteString("# StackSets may ask Organizations for its accounts.\n")
	b.WriteString(command(aws("activate-organizations-access")))
	var parameters []string
	for _, name := range t.Required() {
		// The CLI splits a value at its commas, unless it is in quotes.
		parameters = append(parameters, fmt.Sprintf(`"ParameterKey=%s,ParameterValue=\"$%s\""`, name, variables[name]))
	}
	b.WriteString(command(aws("create-stack-set")+" --stack-set-name "+quote(d.Name),
		"--template-body "+quote("file://"+d.File),
		"--permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false",
		"--capabilities CAPABILITY_NAMED_IAM",
		"--parameters "+strings.Join(parameters, " ")))
	units := strings.Join(d.Units, ",")
	if len(d.Units) == 0 {
		b.WriteString("UNITS=$(aws organizations list-roots --region " + quote(d.Region) + " --query 'Roots[0].Id' --output text)\n")
		units = `"$UNITS"`
	}
	b.WriteString(command(aws("create-stack-instances")+" --stack-set-name "+quote(d.Name),
		"--deployment-targets OrganizationalUnitIds="+units+" --regions "+quote(d.Region),
		"--operation-preferences MaxConcurrentPercentage=100,FailureTolerancePercentage=100"))
	b.WriteString("# The StackSet does not reach the management account: it gets a stack of its own.\n")
	b.WriteString(d.Stack(t))
	return b.String()
}

// command is a command of the shell, on as many lines.
func command(lines ...string) string { return strings.Join(lines, " \\\n  ") + "\n" }

var unquoted = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// quote makes s one word of the shell.
func quote(s string) string {
	if unquoted.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
