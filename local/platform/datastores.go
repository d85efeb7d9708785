package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"

	"polis/local/stores"
)

// EmbeddedRedis as Options.Redis asks for the embedded store even where a
// redis-server is at hand.
const EmbeddedRedis = "embedded"

// Bucket holds all objects, where no other is given.
const Bucket = "polis"

// The names under which the stores' processes can be killed, suspended and
// resumed; beside them stand the functions' own names.
const (
	redisProcess = "redis"
	s3Process    = "s3"
)

// S3 is an object store that somebody else runs.
type S3 struct {
	URL                  string
	AccessKey, SecretKey string
	Bucket               string // made where it is missing; "" is Bucket
}

func (i *Instance) startStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := errors.Join(i.openRedis(ctx), i.openS3()); err != nil {
		return err
	}
	for _, name := range []string{redisProcess, s3Process} {
		if p := i.stores[name]; p != nil {
			if err := p.firstReady(ctx); err != nil {
				return err
			}
		}
	}
	if err := i.s3.CreateBucket(ctx, i.bucket()); err != nil {
		return fmt.Errorf("object store at %s: %w", i.s3.Endpoint, err)
	}
	return nil
}

// openRedis starts the store, or looks whether the given one answers.
func (i *Instance) openRedis(ctx context.Context) error {
	if given := i.options.Redis; given != "" && given != EmbeddedRedis {
		password, bare, err := stores.CheckRedis(ctx, given)
		if err != nil {
			return err
		}
		i.secrets.give("redis-password", password)
		i.redisURL, i.redisPassword = bare, password
		i.say("redis", "%s (yours)", bare)
		return nil
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	i.redisPassword, _ = i.secrets.get("redis-password")
	child := redisChild{Store: stores.Redis{
		Addr: address, Dir: filepath.Join(i.data, "redis"), Password: i.redisPassword,
	}}
	if i.options.Redis != EmbeddedRedis {
		child.Binary, err = exec.LookPath("redis-server")
	}
	if child.Binary == "" || err != nil {
		i.say("redis", "%s, embedded: miniredis with a snapshot twice a second (no redis-server used)", address)
	} else {
		i.say("redis", "%s, %s with append-only file", address, child.Binary)
	}
	i.redisURL = "redis://" + address + "/0"
	return i.runStore(redisProcess, launch{
		task: assignment{Redis: &child}, env: inherited(), address: address, probe: child.Store.Ready,
	})
}

// openS3 starts the object store, or takes the given one.
func (i *Instance) openS3() error {
	if given := i.options.S3; given != nil {
		i.secrets.give("s3-access-key", given.AccessKey)
		i.secrets.give("s3-secret-key", given.SecretKey)
		scheme, host, _ := strings.Cut(strings.TrimRight(given.URL, "/"), "://")
		if host == "" || (scheme != "http" && scheme != "https") {
			return fmt.Errorf("-s3 %s: not an address like http://127.0.0.1:9000", given.URL)
		}
		i.s3 = stores.S3{Endpoint: host, TLS: scheme == "https", AccessKey: given.AccessKey, SecretKey: given.SecretKey}
		i.say("s3", "%s (yours), bucket %s", given.URL, i.bucket())
		return nil
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	i.s3 = stores.S3{Endpoint: address}
	i.s3.AccessKey, _ = i.secrets.get("s3-access-key")
	i.s3.SecretKey, _ = i.secrets.get("s3-secret-key")
	i.say("s3", "http://%s, embedded: versitygw over a folder, bucket %s", address, Bucket)
	return i.runStore(s3Process, launch{
		task: assignment{S3: &s3Child{i.s3, filepath.Join(i.data, "s3")}}, env: inherited(), address: address, probe: i.s3.Ready,
	})
}

func (i *Instance) bucket() string {
	if given := i.options.S3; given != nil {
		return cmp.Or(given.Bucket, Bucket)
	}
	return Bucket
}

// runStore starts a store, which will start the same way each time.
func (i *Instance) runStore(name string, l launch) error {
	// The stores speak of their own affairs at each start; their death is told
	// with their last line.
	out, err := newOutput(name, i.logFile(name), &bell{}, i.options.Log, func(string) bool { return false })
	if err != nil {
		return err
	}
	p := newProcess(name, i.log, out, &bell{}, func() (launch, error) { return l, nil })
	i.stores[name] = p
	p.resume()
	return nil
}

// RedisURL is the store's address with its password.
func (i *Instance) RedisURL() string {
	u, err := url.Parse(i.redisURL)
	if err != nil {
		panic(err) // it was checked, or made here
	}
	u.User = url.UserPassword(u.User.Username(), i.redisPassword)
	return u.String()
}

// S3 is the object store and its keys.
func (i *Instance) S3() stores.S3 { return i.s3 }
