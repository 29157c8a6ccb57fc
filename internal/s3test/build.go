package s3test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// errBuild is the error of a gateway that cannot be built here: no compiler, or
// no way to the modules.
var errBuild = errors.New("the S3 server for tests cannot be built")

// buildTime is what a cold build may take on a slow machine.
const buildTime = 10 * time.Minute

// binary returns the path of the gateway, which it builds once for each state
// of its module. Test processes run side by side: a lock lets one build it.
func binary() (string, error) {
	source, err := sourceDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errBuild, err)
	}
	sum := sha256.New()
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("%w: %w", errBuild, err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	fmt.Fprint(sum, runtime.Version())
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errBuild, err)
	}
	dir := filepath.Join(cache, "stocktake-tests", fmt.Sprintf("gateway-%.16x", sum.Sum(nil)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("%w: %w", errBuild, err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errBuild, err)
	}
	defer unlock()
	path := filepath.Join(dir, "gateway")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := build(source, path); err != nil {
		return "", fmt.Errorf("%w: %w", errBuild, err)
	}
	return path, nil
}

// sourceDir is where this file was compiled from.
func sourceDir() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return "", fmt.Errorf("its source is not known: this program was built with -trimpath")
	}
	return filepath.Join(filepath.Dir(file), "gateway"), nil
}

func build(source, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	partial := path + ".new"
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", partial, ".")
	cmd.Dir = source
	// Flags of the build that started this one are not meant for it.
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", source, err, output)
	}
	return os.Rename(partial, path)
}

func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			return func() { f.Close() }, nil // closing gives the lock back
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, f.Close())
		}
	}
}
