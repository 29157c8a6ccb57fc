package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stocktake/extract/all"
	"stocktake/internal/access"
	"stocktake/internal/config"
)

func (a *app) accessCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "access",
		Short: "Print the policies that stocktake needs, for what you collect",
		Long: `Print the IAM policies of the identities that take part, least privilege for what
the configuration collects. Nothing is asked of AWS, and nothing is changed
there: commands of the AWS CLI that would do it are printed on standard error.

  stocktake access assume     what the base identity may do: assume the roles
  stocktake access trust      who may assume a role
  stocktake access policy     what a role may do
  stocktake access output     what writes the warehouse on S3
  stocktake access diff OLD   what a change of collect changes in a policy

  stocktake access discovery        the discovery role as a CloudFormation template
  stocktake access stackset         the member role for a StackSet
  stocktake access cloudformation   the role of one account as a template
  stocktake access terraform        a role as a Terraform module`,
	}
	c.AddCommand(a.accessPolicyCommand(), a.accessTrustCommand(), a.accessAssumeCommand(), a.accessOutputCommand(), a.accessDiffCommand(), a.externalIDsCommand())
	c.AddCommand(a.accessStackCommands()...)
	return c
}

const (
	memberRole    = "member"
	discoveryRole = "discovery"
)

// wanted holds the flags that choose a role and what it is needed for.
type wanted struct {
	source  string
	collect []string
	role    string
	basedOn string
}

func (w *wanted) flags(a *app, c *cobra.Command) {
	a.sourceFlag(c, &w.source)
	c.Flags().StringSliceVar(&w.collect, "collect", nil, "streams, tables or patterns in place of the source's; without --source of an organization, and no configuration is read")
	c.Flags().StringVar(&w.role, "role", memberRole, "the role of an organization: member or discovery")
	c.Flags().StringVar(&w.basedOn, "based-on", "", "leave out what a managed policy of AWS allows: SecurityAudit")
	complete(c, "collect", completeCollect)
	complete(c, "role", fixed(memberRole, discoveryRole))
	complete(c, "based-on", fixed(access.SecurityAudit))
}

func (a *app) sourceFlag(c *cobra.Command, source *string) {
	c.Flags().StringVar(source, "source", "", "the source of the configuration; the only one where left out")
	complete(c, "source", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		file, err := a.config()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return sourceNames(file), cobra.ShellCompDirectiveNoFileComp
	})
}

// complete panics where the flag is not there.
func complete(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

func fixed(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

func completeCollect(c *cobra.Command, args []string, s string) ([]string, cobra.ShellCompDirective) {
	tables, directive := completeTables(c, args, s)
	return append(slices.Sorted(maps.Keys(all.Streams)), tables...), directive
}

func sourceNames(file *config.File) []string {
	var names []string
	for _, s := range file.Sources {
		names = append(names, s.Name)
	}
	return names
}

// source returns the source of that name, or the only one.
func (a *app) source(name string) (*config.Source, error) {
	file, err := a.config()
	if err != nil {
		return nil, err
	}
	return sourceOf(file, name)
}

func sourceOf(file *config.File, name string) (*config.Source, error) {
	names := sourceNames(file)
	i := slices.Index(names, name)
	switch {
	case name == "" && len(names) == 1:
		i = 0
	case name == "":
		return nil, usage(fmt.Errorf("%s has several sources: choose one with --source: %s", file.Path, strings.Join(names, ", ")))
	case i < 0:
		return nil, usage(fmt.Errorf("--source %q: %s has no source of that name: expected one of %s", name, file.Path, strings.Join(names, ", ")))
	}
	return &file.Sources[i], nil
}

// needs returns what the chosen role needs, and the source it is needed for.
func (w *wanted) needs(a *app) ([]access.Need, *config.Source, error) {
	if w.basedOn != "" && w.basedOn != access.SecurityAudit {
		return nil, nil, usage(fmt.Errorf("--based-on %q: expected %s", w.basedOn, access.SecurityAudit))
	}
	s := &config.Source{Organization: &config.Organization{}, Regions: config.Regions{All: true}}
	if len(w.collect) == 0 || w.source != "" || a.configFlag != "" {
		configured, err := a.source(w.source)
		if err != nil {
			return nil, nil, err
		}
		s = configured
	}
	if len(w.collect) > 0 {
		s.Collect = w.collect
	}
	needs, err := access.Of(s)
	if err != nil {
		return nil, nil, usage(fmt.Errorf("--collect: %w", err))
	}
	list := needs.Member
	switch {
	case w.role == discoveryRole && s.Organization == nil:
		return nil, nil, usage(fmt.Errorf("--role discovery: source %s is no organization, and has one kind of role: leave --role out", s.Name))
	case w.role == discoveryRole:
		list = needs.Discovery
	case w.role != memberRole:
		return nil, nil, usage(fmt.Errorf("--role %q: expected %s or %s", w.role, memberRole, discoveryRole))
	}
	if w.basedOn == access.SecurityAudit {
		list = access.BeyondSecurityAudit(list)
	}
	return list, s, nil
}

// policyReport is a policy for programs.
type policyReport struct {
	Source    string            `json:"source,omitempty"`
	Role      string            `json:"role"`
	BasedOn   string            `json:"based_on,omitempty"`
	Documents []access.Document `json:"documents"`
	Needs     []access.Need     `json:"needs"`
}

func (a *app) accessPolicyCommand() *cobra.Command {
	var w wanted
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "policy",
		Short: "Print what a role may do: the actions of what is collected",
		Long: `Print the policy of a source's role, with the actions of all that the source
collects and no others, a statement for each service.

An organization has two roles: the member role in every account, and with
--role discovery the role that lists the accounts. Where one managed policy would
be too large there are several, all of which have to be attached. --out writes
each to a file of its own.`,
		Example: `  stocktake access policy > stocktake-member-1.json
  stocktake access policy --role discovery --out policies
  stocktake access policy --based-on SecurityAudit
  stocktake access policy --collect ec2,network
  stocktake access policy --json | jq -r '.needs[] | [.action, .tables[]?] | @tsv'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			needs, s, err := w.needs(a)
			if err != nil {
				return err
			}
			documents := access.Policy(needs)
			if asJSON {
				return printJSON(a.out, policyReport{Source: s.Name, Role: w.role, BasedOn: w.basedOn, Documents: notNil(documents), Needs: notNil(needs)})
			}
			if len(documents) == 0 {
				fmt.Fprintln(a.err, "# No policy is needed beside the managed one: every action is allowed already.")
			}
			role, in := roleName(s, w.role), iamIn(partitionOr(s))
			files, err := a.printDocuments(documents, policyName(w.role), out)
			if err != nil {
				return err
			}
			var commands []string
			if w.basedOn != "" {
				commands = append(commands, in.command("attach-role-policy --role-name "+role+" --policy-arn arn:"+partitionOr(s)+":iam::aws:policy/"+w.basedOn))
			}
			for _, f := range files {
				commands = append(commands, attach(f, role, in)...)
			}
			a.advise("To attach it, in the account of the role:", commands...)
			return nil
		},
	}
	w.flags(a, c)
	outFlag(c, &out)
	c.Flags().BoolVar(&asJSON, "json", false, "print documents and actions with their reasons as JSON")
	return c
}

func outFlag(c *cobra.Command, out *string) {
	c.Flags().StringVar(out, "out", "", "write each document to a file of this folder")
	if err := c.MarkFlagDirname("out"); err != nil {
		panic(err)
	}
}

func notNil[T any](list []T) []T { return append([]T{}, list...) }

func policyName(role string) string { return "stocktake-" + role }

func partitionOr(s *config.Source) string {
	if p := s.Partition(); p != "" {
		return p
	}
	return "aws" // without a configuration
}

// roleName is the name that the configuration gives to a role, without a path.
func roleName(s *config.Source, role string) string {
	arn := ""
	switch h := lastHops(s, role); {
	case len(h) > 0:
		arn = h[0].RoleARN
	case s.Organization != nil && role == memberRole:
		arn = s.Organization.MemberRole
	}
	return nameOf(arn, policyName(role))
}

// nameOf is the name in a role's ARN, or in its path and name; otherwise where
// it is not one and the same in all accounts.
func nameOf(role, otherwise string) string {
	if name := role[strings.LastIndex(role, "/")+1:]; name != "" && !strings.Contains(name, "{") {
		return name
	}
	return otherwise
}

// pathOf is the path in a role's ARN, or in its path and name; "" is the usual one.
func pathOf(role string) string {
	if strings.HasPrefix(role, "arn:") {
		_, role, _ = strings.Cut(role, ":role/")
	}
	path := strings.Trim(role[:strings.LastIndex(role, "/")+1], "/")
	if path == "" {
		return ""
	}
	return "/" + path + "/"
}

// iamRegion is where commands of IAM are sent. IAM has no regions, but without
// one the AWS CLI asks that of the partition aws; "" is no other partition.
type iamRegion string

// iamOf is the one for the partition of an ARN.
func iamOf(arn string) iamRegion { return iamIn(strings.SplitN(arn, ":", 3)[1]) }

func iamIn(partition string) iamRegion {
	if partition == "aws" {
		return ""
	}
	return iamRegion(config.HomeRegion(partition))
}

func (r iamRegion) command(of string) string {
	if r != "" {
		operation, options, _ := strings.Cut(of, " ")
		of = operation + " --region " + string(r) + " " + options
	}
	return "aws iam " + of
}

// attach are the commands that give a policy to a role.
func attach(f documentFile, role string, in iamRegion) []string {
	return []string{
		"arn=$(" + in.command("create-policy --policy-name "+f.name+" --policy-document file://"+f.path+" --query Policy.Arn --output text") + ")",
		in.command("attach-role-policy --role-name " + role + ` --policy-arn "$arn"`),
	}
}

// runner stands for the identity that the configuration does not name.
const runner = "stocktake-runner"

func (a *app) adviseRunner() {
	fmt.Fprintln(a.err, "# Write the name of your role for "+runner+"; for a user it is attach-user-policy --user-name.")
}

// lastHops are the hops into the accounts that are read with a role; the member
// role of an organization is none of them.
func lastHops(s *config.Source, role string) []config.Hop {
	var chains [][]config.Hop
	switch {
	case s.Role != nil:
		chains = append(chains, s.Role.Hops)
	case s.Roles != nil:
		for _, r := range s.Roles {
			chains = append(chains, r.Hops)
		}
	case s.Organization != nil && role == discoveryRole && s.Organization.Discovery != nil:
		chains = append(chains, s.Organization.Discovery.Hops)
	}
	var last []config.Hop
	for _, hops := range chains {
		if len(hops) > 0 {
			last = append(last, hops[len(hops)-1])
		}
	}
	return last
}

// documentFile is where a document is, or is to be put.
type documentFile struct{ name, path string }

// printDocuments prints documents one after the other, or writes them to a
// folder, and says where each is expected.
func (a *app) printDocuments(documents []access.Document, name, folder string) ([]documentFile, error) {
	var files []documentFile
	for i, d := range documents {
		f := documentFile{name: fmt.Sprintf("%s-%d", name, i+1)}
		f.path = filepath.Join(folder, f.name+".json")
		files = append(files, f)
		if folder == "" {
			if _, err := io.WriteString(a.out, d.JSON()); err != nil {
				return nil, err
			}
		}
	}
	if folder == "" {
		if len(documents) > 1 {
			fmt.Fprintf(a.err, "# There are %d documents, one after the other: --out FOLDER makes a file of each.\n", len(documents))
		}
		return files, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	for i, f := range files {
		if err := os.WriteFile(f.path, []byte(documents[i].JSON()), 0o644); err != nil {
			return nil, fmt.Errorf("--out: %w", err)
		}
		fmt.Fprintln(a.out, f.path)
	}
	// What an earlier, larger policy went on in would still be taken for a part.
	for i := len(documents) + 1; ; i++ {
		path := filepath.Join(folder, fmt.Sprintf("%s-%d.json", name, i))
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("--out: %w", err)
		}
		fmt.Fprintln(a.err, "# Removed "+path+", which is no part of it any more.")
	}
}

// advise prints commands that a user may want next, beside the output.
func (a *app) advise(what string, commands ...string) {
	if len(commands) == 0 {
		return
	}
	fmt.Fprintln(a.err, "#", what)
	for _, c := range commands {
		fmt.Fprintln(a.err, c)
	}
}

func (a *app) accessAssumeCommand() *cobra.Command {
	var source, out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "assume",
		Short: "Print what the base identity may do: assume the roles of the configuration",
		Long: `Print the policy that lets stocktake's own identity assume the roles of the
configuration, and no others. Where roles are reached over several hops, each
hop but the last needs a policy to assume the next one: they follow, and standard
error says whose each is.`,
		Example: `  stocktake access assume > stocktake-assume-1.json
  stocktake access assume --source example --out policies
  stocktake access assume --json | jq -r '.[].holder'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			file, err := a.config()
			if err != nil {
				return err
			}
			var only []string
			if source != "" {
				if _, err := sourceOf(file, source); err != nil {
					return err
				}
				only = append(only, source)
			}
			list := access.Assume(file, only...)
			if asJSON {
				return printJSON(a.out, notNil(list))
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "# No role is assumed: the credentials are those of the accounts.")
				return nil
			}
			var documents []access.Document
			for _, l := range list {
				documents = append(documents, l.Documents...)
			}
			files, err := a.printDocuments(documents, "stocktake-assume", out)
			if err != nil {
				return err
			}
			for _, l := range list {
				in := iamOf(l.Documents[0].Statement[0].Resource[0])
				var commands []string
				for _, f := range files[:len(l.Documents)] {
					commands = append(commands, attach(f, nameOf(l.Role, runner), in)...)
				}
				files = files[len(l.Documents):]
				a.advise("For "+l.Holder+":", commands...)
			}
			a.adviseRunner()
			return nil
		},
	}
	a.sourceFlag(c, &source)
	c.Flags().Lookup("source").Usage = "the source of the configuration; all, and the output, where left out"
	outFlag(c, &out)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (a *app) accessOutputCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "output",
		Short: "Print what the identity that writes the warehouse on S3 may do",
		Long: `Print the policy of the identity that writes the warehouse on S3: what the mode of
the output takes, for the bucket, the prefix and the key of the configuration.

A KMS key that is set on the bucket, and not in the configuration, is not known
here: allow kms:GenerateDataKey and kms:Decrypt on it.`,
		Example: `  stocktake access output > stocktake-output-1.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			file, err := a.config()
			if err != nil {
				return err
			}
			d, err := access.Output(file)
			if err != nil {
				return usage(fmt.Errorf("%s: %w", file.Path, err))
			}
			if asJSON {
				return printJSON(a.out, d)
			}
			files, err := a.printDocuments([]access.Document{d}, "stocktake-output", "")
			if err != nil {
				return err
			}
			in := iamOf(d.Statement[0].Resource[0])
			if hops := file.Output.Hops; len(hops) > 0 {
				arn := hops[len(hops)-1].RoleARN
				a.advise("For "+arn+":", attach(files[0], nameOf(arn, ""), in)...)
				return nil
			}
			a.advise("For the identity that writes the warehouse:", attach(files[0], runner, in)...)
			a.adviseRunner()
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print nothing but the document")
	return c
}

func (a *app) accessDiffCommand() *cobra.Command {
	var w wanted
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff OLD",
		Short: "Compare a policy with what the configuration needs now",
		Long: `Compare the policies of a file, or those that --out wrote to a folder, with what
the configuration needs now. + is an action that is needed and not in the policy,
- one that is in the policy and not needed; each with the tables that want it.

Exit codes: 0 the policy has what is needed and no more; 3 it differs.`,
		Example: `  stocktake access diff stocktake-member-1.json
  stocktake access diff policies --role discovery
  stocktake access diff policies --collect ec2,network --source example`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			needs, _, err := w.needs(a)
			if err != nil {
				return err
			}
			allowed, err := allowedBy(args[0], policyName(w.role))
			if err != nil {
				return usage(err)
			}
			known, err := knownNeeds()
			if err != nil {
				return err
			}
			d := access.Diff(allowed, needs, known)
			if asJSON {
				err = printJSON(a.out, d)
			} else {
				err = printDifference(a.out, d)
			}
			if err == nil && len(d.Added)+len(d.Removed) > 0 {
				return &exitError{code: exitIncomplete}
			}
			return err
		},
	}
	w.flags(a, c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// allowedBy reads the policies of a file, or those of a name in a folder.
func allowedBy(path, name string) ([]string, error) {
	files := []string{path}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		files, err = filepath.Glob(filepath.Join(path, name+"-[0-9]*.json"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s: no file %s-1.json there: `stocktake access policy --out %s` writes it", path, name, path)
		}
	}
	var allowed []string
	for _, f := range files {
		in, err := os.Open(f)
		if err != nil {
			return nil, err
		}
		actions, err := access.Allowed(in)
		in.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		allowed = append(allowed, actions...)
	}
	return allowed, nil
}

// knownNeeds are those of all tables there are.
func knownNeeds() ([]access.Need, error) {
	s := &config.Source{
		Organization:      &config.Organization{Accounts: config.AccountFilter{Units: []string{"every"}}},
		Regions:           config.Regions{All: true},
		OrganizationViews: []string{"resource_explorer"},
	}
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			s.Collect = append(s.Collect, t.Name)
		}
	}
	needs, err := access.Of(s)
	return append(needs.Member, needs.Discovery...), err
}

func printDifference(out io.Writer, d access.Difference) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, n := range d.Added {
		fmt.Fprintf(w, "+ %s\t%s\n", n.Action, reason(n))
	}
	for _, n := range d.Removed {
		fmt.Fprintf(w, "- %s\t%s\n", n.Action, orDash(reason(n)))
	}
	return w.Flush()
}

// reason says in a line what a need is for.
func reason(n access.Need) string {
	parts := slices.Clone(n.Tables)
	for _, table := range slices.Sorted(maps.Keys(n.Columns)) {
		parts = append(parts, table+" ("+strings.Join(n.Columns[table], ", ")+")")
	}
	for _, table := range n.Hints {
		parts = append(parts, table+" (optional)")
	}
	if n.Why != "" {
		parts = append(parts, "to "+n.Why)
	}
	return strings.Join(parts, "; ")
}
