package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/extract"
	"stocktake/internal/config"
	"stocktake/internal/sim"
)

// simulated makes the organization that the configuration asks for.
func simulated(s *config.Simulation) *sim.Organization {
	return sim.New(sim.Options{
		Seed: s.Seed, Accounts: s.Accounts, Regions: sim.Regions(s.Partition, s.Regions),
		Partition: s.Partition, Scale: s.Scale, Faults: s.Faults, Now: time.Now(),
	})
}

// base is where the run's credentials come from: AWS, or the simulated
// organization where the configuration has one.
func base(c *config.File) extract.Base {
	if c.Simulation == nil {
		return extract.AWS(c)
	}
	organization := simulated(c.Simulation)
	return func(ctx context.Context, _ *config.Keys, region string) (aws.Config, error) {
		cfg := organization.Config(ctx)
		if region != "" {
			cfg.Region = region
		}
		return cfg, nil
	}
}
