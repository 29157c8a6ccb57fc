// Command gateway serves S3 from a directory, with versitygw, to the tests of
// the process that starts it. It knows its own accounts and no others, listens
// on the loopback interface only, and ends when its standard input does: so it
// never outlives who started it, however that ends.
//
// It is a module of its own, so that what versitygw requires is not required
// by the program.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gateway: ")
	region := flag.String("region", "us-east-1", "the region that requests are signed for")
	largest := flag.Int64("copy-threshold", 5<<30, "the largest object that one request copies")
	flag.Parse()
	root, err := os.MkdirTemp("", "stocktake-s3test-")
	if err != nil {
		log.Fatal(err)
	}
	err = serve(root, *region, *largest, os.Getenv("GATEWAY_ACCESS_KEY"), os.Getenv("GATEWAY_SECRET_KEY"))
	if gone := os.RemoveAll(root); err == nil {
		err = gone
	}
	if err != nil {
		log.Fatal(err)
	}
}

func serve(root, region string, largest int64, access, secret string) error {
	if err := (meta.XattrMeta{}).Test(root); err != nil {
		return fmt.Errorf("%s cannot hold the gateway's objects, set TMPDIR to a directory that can: %w", root, err)
	}
	disk, err := posix.New(root, meta.XattrMeta{}, posix.PosixOpts{Concurrency: 500, CopyObjectThreshold: largest})
	if err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			log.Print(err)
		}
	}()
	return embedgw.RunVersityGW(ctx, disk, &embedgw.Config{
		RootUserAccess:    access,
		RootUserSecret:    secret,
		Region:            region,
		Ports:             []string{address},
		MaxConnections:    4096,
		MaxRequests:       4096,
		MultipartMaxParts: 10_000,
		KeepAlive:         true,
		Quiet:             true,
		IAMService:        accounts{access, secret},
		S3Options:         []s3api.Option{s3api.WithOnListen(func() { fmt.Println(address) })},
	})
}

// freeAddress finds a port that is free now. Another process may take it before
// the gateway does, and then the gateway fails and is started again.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// accounts are the root account and, without being created, every account whose
// access key begins with "user": its secret key is the root's and its access
// key. What an account may do is up to the policies of the buckets.
type accounts struct{ access, secret string }

func (a accounts) GetUserAccount(access string) (auth.Account, error) {
	switch {
	case access == a.access:
		return auth.Account{Access: access, Secret: a.secret, Role: auth.RoleAdmin}, nil
	case strings.HasPrefix(access, "user"):
		return auth.Account{Access: access, Secret: a.secret + access, Role: auth.RoleUser}, nil
	}
	return auth.Account{}, auth.ErrNoSuchUser
}

func (a accounts) ResolveAccounts(keys []string) ([]string, error) {
	missing := []string{}
	for _, k := range keys {
		if _, err := a.GetUserAccount(k); err != nil {
			missing = append(missing, k)
		}
	}
	return missing, nil
}

var errFixed = fmt.Errorf("accounts of the gateway cannot be changed")

func (accounts) CreateAccount(auth.Account) error                  { return errFixed }
func (accounts) UpdateUserAccount(string, auth.MutableProps) error { return errFixed }
func (accounts) DeleteUserAccount(string) error                    { return errFixed }
func (accounts) ListUserAccounts() ([]auth.Account, error)         { return nil, errFixed }
func (accounts) Shutdown() error                                   { return nil }
