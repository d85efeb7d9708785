package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"polis/local/stores"
)

// S3 is an object store that a test may fill, in a bucket that it makes.
type S3 struct{ Endpoint, Region, AccessKey, SecretKey string }

const installMinIO = `build it at the root of the repository:
	GOWORK=off CGO_ENABLED=0 go -C tests/minio build -trimpath -ldflags '-s -w' -o ../../.bin/minio github.com/minio/minio`

var shared struct {
	sync.Mutex
	minio  *process // nil: not started
	folder string
	store  S3
}

// MinIO is a MinIO server, .bin/minio of the repository or the one that is
// installed. It starts when a test first asks for it, and is everybody's: a test
// has to make a bucket of its own.
func MinIO(t testing.TB) S3 {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.minio == nil {
		startMinIO(t)
	}
	return shared.store
}

// Close stops what was started for all tests.
func Close() {
	shared.Lock()
	defer shared.Unlock()
	if shared.minio == nil {
		return
	}
	shared.minio.stop()
	os.RemoveAll(shared.folder)
	shared.minio = nil
}

func startMinIO(t testing.TB) {
	t.Helper()
	binary := filepath.Join(repository(t), ".bin", "minio")
	if _, err := os.Stat(binary); err != nil {
		binary = installed(t, "minio", installMinIO)
	}
	address := fmt.Sprintf("%s:%d", host, freePort(t))
	s := S3{Endpoint: "http://" + address, Region: "us-east-1", AccessKey: "polis-test", SecretKey: "polis-test-secret"}
	data := newFolder(t)
	server := exec.Command(binary, "server", "--quiet", "--address", address, data)
	server.Env = append(server.Environ(), "HOME="+data,
		"MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+s.SecretKey, "MINIO_BROWSER=off", "MINIO_UPDATE=off")
	client, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	shared.minio, shared.folder, shared.store = start(t, server), data, s
	// Its own readiness comes before it takes requests.
	shared.minio.answers(t, func(ctx context.Context) error {
		_, err := client.ListBuckets(ctx)
		return err
	})
}

// repository is the folder of the workspace that the test runs in.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("not in the repository")
		}
		dir = filepath.Dir(dir)
	}
}

// embeddedTask is the variable by which a process learns that it is the
// embedded object store and not the test.
const embeddedTask = "POLIS_TEST_EMBEDDED_S3"

type embedded struct {
	Store stores.S3
	Dir   string
}

// EmbeddedS3 starts the object store that the local platform brings with it. It
// moves its process to another folder, so that process is this program again.
func EmbeddedS3(t testing.TB) S3 {
	t.Helper()
	address := fmt.Sprintf("%s:%d", host, freePort(t))
	s := S3{Endpoint: "http://" + address, Region: "us-east-1", AccessKey: "polis-test", SecretKey: "polis-test-secret"}
	e := embedded{Store: stores.S3{Endpoint: address, AccessKey: s.AccessKey, SecretKey: s.SecretKey}, Dir: emptyFolder(t)}
	task, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(self)
	server.Env = append(server.Environ(), embeddedTask+"="+string(task))
	run(t, server).answers(t, e.Store.Ready)
	return s
}

// A test program that is started as the store never comes to its tests.
func init() {
	task := os.Getenv(embeddedTask)
	if task == "" {
		return
	}
	var e embedded
	err := json.Unmarshal([]byte(task), &e)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err = e.Store.Serve(ctx, e.Dir)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
