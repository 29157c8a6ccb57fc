package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stocktake/internal/access"
	"stocktake/internal/config"
)

// stackFlags are what the commands that write stacks and modules share.
type stackFlags struct {
	source, out, name     string
	principal, orgID      string
	boundary              string
	collect               []string
	tags                  map[string]string
	asJSON                bool
	discovery, withMember bool
}

func (a *app) accessStackCommands() []*cobra.Command {
	return []*cobra.Command{a.cloudformationCommand(), a.stacksetCommand(), a.discoveryCommand(), a.terraformCommand()}
}

const stackHelp = `

The commands that deploy it go to standard error. They read the external ID from
a variable of the shell, since it is to stay out of logs.`

func (a *app) cloudformationCommand() *cobra.Command {
	return a.templateCommand(&cobra.Command{
		Use:   "cloudformation",
		Short: "Write the CloudFormation template of the role in one account",
		Long:  "The role in an account that stocktake collects, with its policies, as a template of CloudFormation." + stackHelp,
		Example: `  stocktake access cloudformation > stocktake-member.yaml
  stocktake access cloudformation --collect ec2,network --out stocktake-member.yaml`,
	}, func(d access.Deployment, r accessRole, t access.Template) string {
		return heading(r) + d.Stack(t)
	}, false)
}

func (a *app) stacksetCommand() *cobra.Command {
	return a.templateCommand(&cobra.Command{
		Use:   "stackset",
		Short: "Write the template of the member role, and the commands of its StackSet",
		Long: `The member role of an organization as a template of CloudFormation, for a StackSet
that brings it into all accounts, those to come included, and for a stack in the
management account, which a StackSet does not reach.` + stackHelp,
		Example: `  stocktake access stackset --out stocktake-member.yaml
  stocktake access stackset --principal arn:aws:iam::999900001111:role/stocktake-runner --out stocktake-member.yaml`,
	}, func(d access.Deployment, _ accessRole, t access.Template) string {
		return "# In the management account:\n" + d.StackSet(t)
	}, true)
}

func (a *app) discoveryCommand() *cobra.Command {
	return a.templateCommand(&cobra.Command{
		Use:   "discovery",
		Short: "Write the template of the role that lists the accounts",
		Long: `The discovery role as a template of CloudFormation, for the management account or
an account that Organizations has delegated to.

With --with-member it may also read its own account, for a management account
that has no member role.` + stackHelp,
		Example: "  stocktake access discovery --out stocktake-discovery.yaml",
	}, func(d access.Deployment, r accessRole, t access.Template) string {
		return heading(r) + d.Stack(t)
	}, true)
}

// heading says whose credentials the commands run with.
func heading(r accessRole) string {
	if r.account == "" {
		return "# In each account:\n"
	}
	return "# In account " + r.account + ":\n"
}

// templateCommand is a command that writes a template, and the commands for each role.
func (a *app) templateCommand(c *cobra.Command, commands func(access.Deployment, accessRole, access.Template) string, organization bool) *cobra.Command {
	var f stackFlags
	kind := c.Use
	c.Args = cobra.NoArgs
	c.RunE = func(*cobra.Command, []string) error {
		f.discovery = kind == "discovery"
		s, err := f.from(a)
		if err != nil {
			return err
		}
		if organization && !f.discovery && !wholeOrganization(s) {
			return usage(fmt.Errorf("source %s is no organization: `stocktake access cloudformation` writes the template of a single account", s.Name))
		}
		g, roles, err := f.grant(s)
		if err != nil {
			return usage(err)
		}
		t, err := g.Template()
		if err != nil {
			return usage(fmt.Errorf("source %s: %w", s.Name, err))
		}
		text, extension := t.YAML(), ".yaml"
		if f.asJSON {
			text, extension = t.JSON(), ".json"
		}
		if f.out == "" {
			if _, err := a.out.Write(text); err != nil {
				return err
			}
		} else if err := os.WriteFile(f.out, text, 0o644); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		d := access.Deployment{
			Name: cmp.Or(f.name, f.kind()), File: cmp.Or(f.out, f.kind()+extension), Region: s.HomeRegion, ExternalID: roles[0].externalID,
		}
		if s.Organization != nil {
			d.Units = s.Organization.Accounts.Units
		}
		fmt.Fprint(a.err, d.Variables(t))
		for _, r := range roles {
			if d.RoleName = ""; r.name != g.RoleName {
				d.RoleName = r.name
			}
			fmt.Fprint(a.err, "\n"+commands(d, r, t))
		}
		return nil
	}
	f.add(a, c, kind == "discovery")
	c.Flags().StringVar(&f.out, "out", "", "file to write (default standard output)")
	c.Flags().BoolVar(&f.asJSON, "json", false, "write the template in JSON")
	c.Flags().StringVar(&f.name, "stack-name", "", "name of the stack or StackSet (default stocktake-member or stocktake-discovery)")
	return c
}

// kind is the name of what is written, where the flags give none. The role's own
// would do for the configuration file, too.
func (f stackFlags) kind() string {
	if f.discovery {
		return policyName(discoveryRole)
	}
	return policyName(memberRole)
}

func (f *stackFlags) add(a *app, c *cobra.Command, withMember bool) {
	flags := c.Flags()
	a.sourceFlag(c, &f.source)
	flags.StringSliceVar(&f.collect, "collect", nil, "streams, tables or patterns in place of the source's")
	complete(c, "collect", completeCollect)
	flags.StringVar(&f.principal, "principal", "", "what stocktake runs as and the role trusts: ARN of a role or user, or an account ID")
	flags.StringVar(&f.orgID, "organization-id", "", "the organization that the principal has to belong to")
	flags.StringVar(&f.boundary, "permissions-boundary", "", "ARN of the policy that bounds the role")
	flags.StringToStringVar(&f.tags, "tag", map[string]string{"application": "stocktake"}, "tags of the role")
	if withMember {
		flags.BoolVar(&f.withMember, "with-member", false, "also allow what is read in each account")
	}
}

// from returns the source of the configuration, narrowed to --collect.
func (f *stackFlags) from(a *app) (*config.Source, error) {
	s, err := a.source(f.source)
	if err != nil {
		return nil, err
	}
	if len(f.collect) > 0 {
		s.Collect = f.collect
	}
	return s, nil
}

func (a *app) terraformCommand() *cobra.Command {
	var f stackFlags
	c := &cobra.Command{
		Use:   "terraform",
		Short: "Write the role as a Terraform module",
		Long:  "The role in an account that stocktake collects, or the discovery role, as a module of Terraform." + stackHelp,
		Example: `  stocktake access terraform --out stocktake-member
  stocktake access terraform --discovery --out stocktake-discovery`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if f.withMember && !f.discovery {
				return usage(fmt.Errorf("--with-member adds to the discovery role: expected --discovery with it"))
			}
			s, err := f.from(a)
			if err != nil {
				return err
			}
			g, roles, err := f.grant(s)
			if err != nil {
				return usage(err)
			}
			files, err := g.Module()
			if err != nil {
				return usage(fmt.Errorf("source %s: %w", s.Name, err))
			}
			if err := f.writeModule(a, files); err != nil {
				return err
			}
			m := access.ModuleDeployment{Dir: cmp.Or(f.out, f.kind()), ExternalID: roles[0].externalID, Principal: g.TrustedPrincipal}
			fmt.Fprint(a.err, m.Variables())
			for _, r := range roles {
				if m.RoleName = ""; r.name != g.RoleName {
					m.RoleName = r.name
				}
				if m.Workspace = ""; len(roles) > 1 {
					m.Workspace = r.account
				}
				fmt.Fprint(a.err, "\n"+heading(r)+m.Commands())
			}
			return nil
		},
	}
	f.add(a, c, true)
	c.Flags().BoolVar(&f.discovery, "discovery", false, "the discovery role in place of the member's")
	c.Flags().StringVar(&f.out, "out", "", "folder to write (default all files to standard output, each with its name above it)")
	return c
}

func (f stackFlags) writeModule(a *app, files []access.ModuleFile) error {
	if f.out != "" {
		if err := os.MkdirAll(f.out, 0o755); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	for i, file := range files {
		if f.out != "" {
			if err := os.WriteFile(filepath.Join(f.out, file.Name), []byte(file.Text), 0o644); err != nil {
				return fmt.Errorf("--out: %w", err)
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if _, err := fmt.Fprintf(a.out, "# %s\n\n%s", file.Name, file.Text); err != nil {
			return err
		}
	}
	return nil
}

func wholeOrganization(s *config.Source) bool {
	return s.Organization != nil || s.Role != nil && s.Role.WholeOrganization
}

// accessRole is a role that the source assumes.
type accessRole struct {
	path, name string
	account    string // "" where the role is in each
	principal  string // the role before it in a chain
	duration   time.Duration
	externalID string // where it stands
}

// accessRoles are the roles whose stacks are asked for.
func accessRoles(s *config.Source, discovery bool) ([]accessRole, error) {
	last := func(hops []config.Hop, key string) accessRole {
		hop := hops[len(hops)-1]
		if len(hops) > 1 {
			key = fmt.Sprintf("%s.hops[%d]", key, len(hops)-1)
		}
		r := accessRole{account: strings.Split(hop.RoleARN, ":")[4], duration: hop.Duration, externalID: described(s, key, hop.ExternalID)}
		r.path, r.name = pathAndName(hop.RoleARN)
		if len(hops) > 1 {
			r.principal = hops[len(hops)-2].RoleARN
		}
		return r
	}
	switch o := s.Organization; {
	case discovery && o == nil:
		return nil, fmt.Errorf("source %s has no discovery role: only organizations have one", s.Name)
	case discovery && (o.Discovery == nil || len(o.Discovery.Hops) == 0):
		return nil, fmt.Errorf("source %s has no discovery role, its credentials list the accounts: name one in organization.discovery.role_arn", s.Name)
	case discovery:
		return []accessRole{last(o.Discovery.Hops, "organization.discovery")}, nil
	case s.Keys != nil:
		return nil, fmt.Errorf("source %s assumes no role: attach a policy to the identity of its keys; `stocktake access policy` prints it", s.Name)
	case s.Role != nil:
		r := last(s.Role.Hops, "role")
		if s.Role.WholeOrganization {
			r.account = ""
		}
		return []accessRole{r}, nil
	case o != nil:
		r := accessRole{duration: o.Duration, externalID: described(s, "organization", o.ExternalID)}
		r.path, r.name = pathAndName(o.MemberRole)
		if strings.ContainsAny(r.path+r.name, "{}") {
			return nil, fmt.Errorf("source %s: organization.member_role %q differs by account: expected one name, which a stack can have in all of them", s.Name, o.MemberRole)
		}
		return []accessRole{r}, nil
	}
	var roles []accessRole
	for _, role := range s.Roles {
		r := last(role.Hops, fmt.Sprintf("roles[%d]", len(roles)))
		if len(roles) > 0 && (r.path != roles[0].path || r.principal != roles[0].principal) {
			return nil, fmt.Errorf("source %s: the roles %s%s and %s%s have other paths or are reached over other hops: put them into sources of their own, or make their stacks one by one",
				s.Name, roles[0].path, roles[0].name, r.path, r.name)
		}
		roles = append(roles, r)
	}
	return roles, nil
}

// described says where the external ID stands, which is not shown itself.
func described(s *config.Source, key string, id config.Secret) string {
	where := key + ".external_id of source " + s.Name
	if id == "" {
		where += ", which has none yet: write one there, too"
	}
	return where
}

// pathAndName splits a role's ARN, or PATH/NAME.
func pathAndName(role string) (path, name string) {
	if _, after, ok := strings.Cut(role, ":role/"); ok {
		role = after
	}
	role = "/" + strings.TrimPrefix(role, "/")
	i := strings.LastIndex(role, "/") + 1
	return role[:i], role[i:]
}

// grant is the role of the source, and under which names in which accounts.
func (f stackFlags) grant(s *config.Source) (access.Grant, []accessRole, error) {
	needs, err := access.Of(s)
	if err != nil {
		return access.Grant{}, nil, fmt.Errorf("--collect: %w", err) // the configuration's has been checked
	}
	roles, err := accessRoles(s, f.discovery)
	if err != nil {
		return access.Grant{}, nil, err
	}
	g := access.Grant{
		Description: "Lets stocktake read this account", RoleName: roles[0].name, Path: roles[0].path, Needs: needs.Member,
		TrustedPrincipal: cmp.Or(f.principal, roles[0].principal), OrganizationID: f.orgID, PermissionsBoundary: f.boundary,
		MaxSession: time.Hour, Tags: f.tags,
	}
	for _, r := range roles {
		g.MaxSession = max(g.MaxSession, r.duration)
	}
	if f.discovery {
		g.Description, g.Needs = "Lets stocktake list the accounts of the organization", needs.Discovery
		if f.withMember {
			g.Description += " and read this account"
			g.Needs = append(slices.Clone(needs.Discovery), needs.Member...)
		}
	}
	return g, roles, nil
}
