package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stocktake/internal/config"
)

func (a *app) initCommand() *cobra.Command {
	var kinds []string
	var simulated bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Print a commented configuration with generated external IDs",
		Example: `  stocktake init > stocktake.yaml
  stocktake init --source organization,keys > stocktake.yaml
  stocktake init --simulated > stocktake.yaml    # try it without an AWS account`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, k := range kinds {
				if !slices.Contains(config.SourceKinds, k) {
					return usage(fmt.Errorf("--source %q: expected one of %s", k, strings.Join(config.SourceKinds, ", ")))
				}
			}
			o := config.ExampleOptions{Sources: kinds}
			if simulated {
				o = simulatedExample()
			}
			_, err := a.out.Write(config.Example(o))
			return err
		},
	}
	c.Flags().StringSliceVar(&kinds, "source", config.SourceKinds[:1], "kinds of the sources: organization, role, roles, keys")
	c.Flags().BoolVar(&simulated, "simulated", false, "use the simulated organization in place of AWS")
	return c
}

// simulatedExample names the roles that the simulated organization has.
func simulatedExample() config.ExampleOptions {
	o := simulated(&config.Simulation{Seed: 1, Accounts: 25, Regions: 4, Scale: 1, Partition: "aws", Faults: true})
	discovery, discoveryID := o.DiscoveryRole()
	member, memberID := o.MemberRole()
	return config.ExampleOptions{
		Simulated:        true,
		DiscoveryRoleARN: discovery, DiscoveryExternalID: config.Secret(discoveryID),
		MemberRole: member, MemberExternalID: config.Secret(memberID),
	}
}

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, or print its schema",
	}
	c.AddCommand(
		&cobra.Command{
			Use:     "check",
			Short:   "Check the configuration file",
			Example: "  stocktake config check -c stocktake.yaml",
			Args:    cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				file, err := a.config()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.out, "%s: %d sources, warehouse %s\n", file.Path, len(file.Sources), file.Warehouse)
				return err
			},
		},
		&cobra.Command{
			Use:     "schema",
			Short:   "Print the JSON Schema of the configuration file",
			Example: "  stocktake config schema > stocktake.schema.json",
			Args:    cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := a.out.Write(append(config.Schema(), '\n'))
				return err
			},
		})
	return c
}
