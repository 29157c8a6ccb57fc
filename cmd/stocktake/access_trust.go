package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stocktake/internal/access"
	"stocktake/internal/config"
)

// trustFlags choose whose trust policy is printed.
type trustFlags struct {
	access.TrustOptions
	source, role, account, next string
}

func (a *app) accessTrustCommand() *cobra.Command {
	var f trustFlags
	c := &cobra.Command{
		Use:   "trust",
		Short: "Print who may assume a role: its trust policy",
		Long: `Print the trust policy of a role: who may assume it, and on which conditions. With
--source the external ID is the one that the configuration, or its file of
external IDs, gives for the role, and the printed policy holds it. Where accounts
have external IDs of their own, --account says whose role it is.

While an external ID is rotated, --next FILE has the role accept the one of that
file of external IDs, too.`,
		Example: `  stocktake access trust --source example --principal arn:aws:iam::999900001111:role/stocktake-runner
  stocktake access trust --source example --role discovery --principal 999900001111 --organization-id o-a1b2c3d4e5
  stocktake access trust --source example --account 111122223333 --principal 999900001111 --next next.yaml
  stocktake access trust --principal 999900001111 --external-id "$ID" --source-ip 203.0.113.10`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			given := c.Flags().Changed
			if f.role != memberRole && f.role != discoveryRole {
				return usage(fmt.Errorf("--role %q: expected %s or %s", f.role, memberRole, discoveryRole))
			}
			if !given("source") && (given("account") || given("next")) {
				return usage(errors.New("--account or --next without --source: expected the source whose role it is"))
			}
			command := trustCommand{name: policyName(f.role), next: f.next != ""}
			if given("source") {
				if err := a.ofSource(&f, &command, given("external-id")); err != nil {
					return err
				}
			}
			d, err := access.Trust(f.TrustOptions)
			if err != nil {
				return usage(err)
			}
			if _, err := io.WriteString(a.out, d.JSON()); err != nil {
				return err
			}
			a.advise(command.purpose(), command.text())
			return nil
		},
	}
	c.Flags().StringArrayVar(&f.Principals, "principal", nil, "who assumes the role: an account ID, or the ARN of a user or role")
	c.Flags().StringArrayVar(&f.ExternalIDs, "external-id", nil, "external ID to ask for")
	c.Flags().StringVar(&f.OrganizationID, "organization-id", "", "organization that the principal's account must belong to")
	c.Flags().StringSliceVar(&f.SourceIPs, "source-ip", nil, "public address or range (CIDR) that the call must come from")
	c.Flags().StringVar(&f.role, "role", memberRole, "the role of an organization: member or discovery")
	c.Flags().StringVar(&f.account, "account", "", "the account of the role, where accounts have external IDs of their own; * is any that has none")
	c.Flags().StringVar(&f.next, "next", "", "file of external IDs that the role is to accept beside those of the configuration")
	a.sourceFlag(c, &f.source)
	c.Flags().Lookup("source").Usage = "the source of the configuration whose external ID to ask for"
	complete(c, "role", fixed(memberRole, discoveryRole))
	return c
}

// ofSource takes the external IDs, and what the command says of the role, from
// the configuration.
func (a *app) ofSource(f *trustFlags, command *trustCommand, givenIDs bool) error {
	for _, file := range slices.Compact([]string{"", f.next}) {
		configured, err := a.configWith(file)
		if err != nil {
			return err
		}
		s, err := sourceOf(configured, f.source)
		if err != nil {
			return err
		}
		hops, err := trusting(s, f.role, f.account)
		if err != nil {
			return usage(err)
		}
		command.region = iamIn(partitionOr(s))
		command.name = nameOf(hops[0].RoleARN, command.name)
		for _, h := range hops {
			command.session, command.path = max(command.session, h.Duration), pathOf(h.RoleARN)
		}
		if givenIDs {
			continue
		}
		id, err := trustedID(s, f.role, f.account, hops)
		if err != nil {
			return usage(err)
		}
		if id != "" && !slices.Contains(f.ExternalIDs, id) {
			f.ExternalIDs = append(f.ExternalIDs, id)
		}
	}
	return nil
}

// trustedID is the external ID that the source sends to the role; "" is none.
func trustedID(s *config.Source, role, account string, hops []config.Hop) (string, error) {
	if account != "" {
		id, err := s.ExternalIDFor(account)
		if err != nil {
			return "", fmt.Errorf("--account %s: %w", account, err)
		}
		return id.Reveal(), nil
	}
	members := s.Organization
	if s.Role != nil && s.Role.WholeOrganization {
		members = s.Role.Members()
	}
	if members != nil && role == memberRole {
		for of := range members.ExternalIDs {
			if of != config.EveryOther && members.ExternalID == "" {
				return "", fmt.Errorf("--source %s: its accounts have external IDs of their own: choose one with --account, or the others with --account '*'", s.Name)
			}
		}
		id, _ := members.ExternalIDOf(config.EveryOther)
		return id.Reveal(), nil
	}
	if slices.ContainsFunc(hops, func(h config.Hop) bool { return h.ExternalID != hops[0].ExternalID }) {
		return "", fmt.Errorf("--source %s: its roles have different external IDs: choose one with --account", s.Name)
	}
	return hops[0].ExternalID.Reveal(), nil
}

// trustCommand is the command that gives a role its trust policy.
type trustCommand struct {
	name, path string
	region     iamRegion
	session    time.Duration
	next       bool // the role is there, and is to accept another external ID
}

func (t trustCommand) purpose() string {
	if t.next {
		return "To give it to the role, in its account, from a file of this policy:"
	}
	return "To make the role, in its account, from a file of this policy:"
}

func (t trustCommand) text() string {
	file := "file://" + t.name + "-trust.json"
	if t.next {
		return t.region.command("update-assume-role-policy --role-name " + t.name + " --policy-document " + file)
	}
	c := t.region.command("create-role --role-name " + t.name + " --assume-role-policy-document " + file)
	if t.path != "" {
		c += " --path " + t.path
	}
	if t.session > time.Hour {
		c += fmt.Sprintf(" --max-session-duration %d", int(t.session.Seconds()))
	}
	return c
}

// trusting returns the last hops that lead to a role of a source; an account
// narrows a list of roles to its own.
func trusting(s *config.Source, role, account string) ([]config.Hop, error) {
	switch {
	case s.Keys != nil:
		return nil, fmt.Errorf("--source %s: its keys assume no role", s.Name)
	case s.Organization != nil && role == memberRole:
		o := s.Organization
		return []config.Hop{{RoleARN: o.MemberRole, ExternalID: o.ExternalID, Duration: o.Duration}}, nil
	case s.Organization == nil && role == discoveryRole:
		return nil, fmt.Errorf("--role discovery: source %s is no organization, and has one kind of role: leave --role out", s.Name)
	}
	hops := lastHops(s, role)
	if len(hops) == 0 {
		return nil, fmt.Errorf("--role discovery: source %s has no discovery role: its base identity lists the accounts", s.Name)
	}
	if s.Roles != nil && account != "" {
		hops = slices.DeleteFunc(hops, func(h config.Hop) bool { return strings.Split(h.RoleARN, ":")[4] != account })
		if len(hops) == 0 {
			return nil, fmt.Errorf("--account %s: source %s has no role there", account, s.Name)
		}
	}
	return hops, nil
}
