package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// ModuleFile is a file of a module of Terraform.
type ModuleFile struct {
	Name string // without a folder
	Text string
}

// Module returns a module of Terraform that makes the role in the account of
// its provider. Like the template it names no partition, account or region.
func (g Grant) Module() ([]ModuleFile, error) {
	policies, err := g.check()
	if err != nil {
		return nil, err
	}
	documents := map[string]any{}
	for i, p := range policies {
		var v any
		if err := json.Unmarshal([]byte(p.JSON()), &v); err != nil {
			return nil, err
		}
		documents[fmt.Sprint(i+1)] = v
	}
	main := fmt.Sprintf(`terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_iam_role" "stocktake" {
  name                 = var.role_name
  path                 = %s
  description          = %s
  max_session_duration = %d
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Stocktake"
      Effect    = "Allow"
      Principal = { AWS = [var.trusted_principal] }
      Action    = ["sts:AssumeRole"]
      Condition = {
        StringEquals = merge(
          { "sts:ExternalId" = [for id in [var.external_id, var.previous_external_id] : id if id != null] },
          { for id in [var.organization_id] : "aws:PrincipalOrgID" => [id] if id != null },
        )
      }
    }]
  })
}

resource "aws_iam_policy" "stocktake" {
  for_each    = local.policies
  name        = "${var.role_name}-${each.key}"
  path        = %[1]s
  description = "What stocktake reads, part ${each.key}"
  policy      = jsonencode(each.value)
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "stocktake" {
  for_each   = aws_iam_policy.stocktake
  role       = aws_iam_role.stocktake.name
  policy_arn = each.value.arn
}

# What is too large for one managed policy of IAM is in several.
locals {
  policies = %[4]s
}
`, hclValue(g.Path, ""), hclValue(g.Description, ""), int(g.MaxSession.Seconds()), hclValue(documents, "  "))

	var variables strings.Builder
	for i, v := range []variable{
		{"external_id", "External ID that the configuration of stocktake has for this role", nil, externalIDs.String(), "2 to 1224 letters, digits and _+=,.@:/-"},
		{"previous_external_id", "External ID that the role accepts, too, while another takes its place", null{}, strings.Replace(externalIDs.String(), "*", "{2,}", 1), "2 to 1224 letters, digits and _+=,.@:/-"},
		{"trusted_principal", "What stocktake runs as: ARN of a role or user, or an account that decides itself who may assume the role", g.TrustedPrincipal, trustable.String(), "an account ID, or the ARN of a role or user in IAM"},
		{"role_name", "Name of the role that stocktake assumes", g.RoleName, roleNames.String(), "1 to 64 letters, digits and _+=,.@-"},
		{"organization_id", "Organization that the principal has to belong to", orNull(g.OrganizationID), organizationIDs.String(), "an ID such as o-exampleorgid"},
		{"permissions_boundary", "ARN of the policy that bounds the role", orNull(g.PermissionsBoundary), boundaries.String(), "the ARN of a managed policy"},
	} {
		if i > 0 {
			variables.WriteByte('\n')
		}
		variables.WriteString(v.block())
	}
	tags, pad := map[string]any{}, "" // as `terraform fmt` puts a value of one line, and of several
	if len(g.Tags) == 0 {
		pad = "    "
	}
	for k, v := range g.Tags {
		tags[k] = v
	}
	fmt.Fprintf(&variables, `
variable "tags" {
  description = "Tags of the role and its policies"
  type        = map(string)
  default%s = %s
}
`, pad, hclValue(tags, "  "))

	return []ModuleFile{
		{"main.tf", main},
		{"variables.tf", variables.String()},
		{"outputs.tf", `output "role_arn" {
  description = "Role for the configuration of stocktake"
  value       = aws_iam_role.stocktake.arn
}

output "external_id" {
  description = "External ID for the configuration of stocktake"
  value       = var.external_id
}
`},
	}, nil
}

// variable is a string that is to match a pattern. The default nil or "" is
// none; null is a default.
type variable struct {
	name, description string
	def               any
	pattern, expect   string
}

// null is the value of HCL.
type null struct{}

func orNull(s string) any {
	if s == "" {
		return null{}
	}
	return s
}

func (v variable) block() string {
	var b strings.Builder
	fmt.Fprintf(&b, "variable %s {\n  description = %s\n  type        = string\n", hclValue(v.name, ""), hclValue(v.description, ""))
	if v.def != nil && v.def != "" {
		fmt.Fprintf(&b, "  default     = %s\n", hclValue(v.def, ""))
	}
	condition := fmt.Sprintf("can(regex(%s, var.%s))", hclValue(v.pattern, ""), v.name)
	switch v.name {
	case "external_id":
		condition = fmt.Sprintf("length(var.%[1]s) >= 2 && length(var.%[1]s) <= 1224 && ", v.name) + condition
	case "previous_external_id", "organization_id", "permissions_boundary":
		condition = fmt.Sprintf("var.%s == null || ", v.name) + condition
	}
	fmt.Fprintf(&b, "  validation {\n    condition     = %s\n    error_message = %s\n  }\n}\n", condition, hclValue("Expected "+v.expect+".", ""))
	return b.String()
}

// hclValue is a value of JSON, or null, in HCL as `terraform fmt` lays it out, on a
// line that is indented.
func hclValue(v any, indent string) string {
	inner := indent + "  "
	var b strings.Builder
	switch v := v.(type) {
	case null:
		return "null"
	case string:
		return hclString(v)
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		b.WriteString("[\n")
		for _, e := range v {
			b.WriteString(inner + hclValue(e, inner) + ",\n")
		}
		return b.String() + indent + "]"
	case map[string]any:
		if len(v) == 0 {
			return "{}"
		}
		b.WriteString("{\n")
		keys := slices.Sorted(maps.Keys(v))
		for i, k := range keys {
			// Equals signs of neighbours on one line each are below one another.
			width := 0
			if oneLine(v[k]) {
				for j := i; j >= 0 && oneLine(v[keys[j]]); j-- {
					width = max(width, utf8.RuneCountInString(hclString(keys[j])))
				}
				for j := i; j < len(keys) && oneLine(v[keys[j]]); j++ {
					width = max(width, utf8.RuneCountInString(hclString(keys[j])))
				}
			}
			fmt.Fprintf(&b, "%s%-*s = %s\n", inner, width, hclString(k), hclValue(v[k], inner))
		}
		return b.String() + indent + "}"
	}
	panic(fmt.Sprintf("%T is no value of a policy", v))
}

func oneLine(v any) bool { return !strings.Contains(hclValue(v, ""), "\n") }

// hclString is a string in which nothing is a template.
func hclString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{").Replace(s) + `"`
}

// ModuleDeployment is what the commands that apply a module say beside it.
type ModuleDeployment struct {
	Dir        string // of the module
	ExternalID string // where the external ID stands
	Principal  string // that the module has already
	RoleName   string // where it is not the module's default
	Workspace  string // where the module makes several roles
}

// Variables are lines that set what the commands need.
func (d ModuleDeployment) Variables() string {
	lines := setExternalID(d.ExternalID)
	if d.Principal == "" {
		lines += setPrincipal
	}
	return lines
}

// Commands apply the module in the account whose credentials Terraform has.
func (d ModuleDeployment) Commands() string {
	terraform := "terraform -chdir=" + quote(d.Dir) + " "
	text := command(terraform + "init")
	if d.Workspace != "" {
		text += command(terraform + "workspace select -or-create " + quote(d.Workspace))
	}
	apply := terraform + `apply -var "external_id=$EXTERNAL_ID"`
	if d.Principal == "" {
		apply += ` -var "trusted_principal=$PRINCIPAL"`
	}
	if d.RoleName != "" {
		apply += " -var " + quote("role_name="+d.RoleName)
	}
	return text + command(apply)
}
