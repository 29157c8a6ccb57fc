// Command stocktake reads an organization's AWS accounts into a warehouse of
// Parquet files. This package knows flags, printing and wiring; all work is
// done by the packages it calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
)

// version is set by the linker for releases.
var version = "dev"

// Exit codes; docs/configuration.md explains them to users.
const (
	exitComplete   = 0
	exitNothing    = 1
	exitUsage      = 2
	exitIncomplete = 3
	exitLocked     = 11
)

// exitError carries an exit code; err may be nil when all has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error { return &exitError{exitUsage, err} }

// app is what commands share.
type app struct {
	out, err   io.Writer
	configFlag string
	httpfsFlag string
	verbose    bool
	logFormat  string
	log        *slog.Logger
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	pipeline.Economize()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs a command line and returns its exit code.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	a := &app{out: out, err: errs}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitComplete
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitNothing, err}
	}
	if exit.err != nil {
		fmt.Fprintln(errs, "stocktake:", exit.err)
	}
	return exit.code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "stocktake",
		Short: "Read an organization's AWS accounts into Parquet, and ask them in SQL",
		Long: `stocktake reads the inventory, findings, users and networks of all accounts and
regions of an AWS organization, and writes typed Parquet files for DuckDB, BI
tools, pandas, Spark and others. What could not be read is recorded, never
shown as empty.

  stocktake init > stocktake.yaml     write a configuration to fill in
  stocktake plan                      see what a run would ask, without collecting
  stocktake run                       collect, and publish what was read
  stocktake query network             ask a question that comes with stocktake

Exit codes: 0 complete; 1 nothing useful could be done; 2 wrong usage or
configuration; 3 published, but some units are not complete; 11 another run
collects the same.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.logging()
		},
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configFlag, "config", "c", "", "configuration file (default $STOCKTAKE_CONFIG, else ./stocktake.yaml)")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log what is being done")
	flags.StringVar(&a.logFormat, "log-format", "text", "format of logs on standard error: text or json")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(
		a.runCommand(), a.planCommand(), a.metricsCommand(),
		a.queryCommand(), a.tablesCommand(), a.sourcesCommand(), a.runsCommand(),
		a.verifyCommand(), a.viewsCommand(), a.cleanCommand(), a.scheduleCommand(),
		a.initCommand(), a.configCommand(), a.accessCommand(), a.doctorCommand(),
	)
	for _, c := range root.Commands() {
		wrapArgs(c)
	}
	return root
}

// wrapArgs makes wrong arguments a usage error, in subcommands too.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usage(fmt.Errorf("%s: %w; see `%s --help`", c.CommandPath(), err, c.CommandPath()))
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

func (a *app) logging() error {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.err, options))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.err, options))
	default:
		return usage(fmt.Errorf("--log-format %q: expected text or json", a.logFormat))
	}
	return nil
}

// config reads the configuration file.
func (a *app) config() (*config.File, error) { return a.configWith("") }

// configWith reads the configuration file, with the file of external IDs in
// place of the one that it names, unless that is "".
func (a *app) configWith(externalIDs string) (*config.File, error) {
	path, err := config.Find(a.configFlag)
	if err != nil {
		return nil, usage(err)
	}
	c, err := config.LoadWith(path, externalIDs, checkCollect)
	if err != nil {
		return nil, usage(err)
	}
	return c, nil
}

// checkCollect says whether a pattern of collect names anything.
func checkCollect(pattern string) error {
	_, err := extract.Select(all.Collectors, all.Streams, []string{pattern})
	return err
}
