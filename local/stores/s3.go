package stores

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// S3 says where an object store listens and how it is opened.
type S3 struct {
	Endpoint  string // host:port
	TLS       bool
	AccessKey string
	SecretKey string
}

const healthPath = "/-health" // no bucket can have this name

// Serve runs an S3 server over the folder dir. The server changes the working
// folder of its process and can run only once in it.
func (s S3) Serve(ctx context.Context, dir string) error {
	lock, err := takeOver(ctx, dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	root := filepath.Join(dir, "objects")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	options := posix.PosixOpts{Concurrency: 64, CopyObjectThreshold: 5 << 30}
	options.SetNewDirPerm(0o700)
	options.SetNewFilePerm(0o600)
	attributes, err := attributeStore(root, filepath.Join(dir, "attributes"), &options)
	if err != nil {
		return err
	}
	files, err := posix.New(root, attributes, options)
	if err != nil {
		return err
	}
	defer files.Shutdown()
	return embedgw.RunVersityGW(ctx, files, &embedgw.Config{
		RootUserAccess:    s.AccessKey,
		RootUserSecret:    s.SecretKey,
		Ports:             []string{s.Endpoint},
		MaxConnections:    1024,
		MaxRequests:       512,
		MultipartMaxParts: 10000,
		HealthPath:        healthPath,
		KeepAlive:         true,
		Quiet:             true,
	})
}

// attributeStore keeps content types and checksums beside the objects where
// the file system can, and in a folder of their own where it cannot (tmpfs of
// older kernels).
func attributeStore(root, folder string, options *posix.PosixOpts) (meta.MetadataStorer, error) {
	if _, err := os.Stat(folder); err != nil && (meta.XattrMeta{}).Test(root) == nil {
		return meta.XattrMeta{}, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	options.SideCarDir = folder
	return meta.NewSideCar(folder)
}

// Ready is nil once the embedded server answers.
func (s S3) Ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Endpoint+healthPath, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("object store answers %s", response.Status)
	}
	return nil
}

// CreateBucket makes the bucket unless it is there already.
func (s S3) CreateBucket(ctx context.Context, name string) error {
	client, err := minio.New(s.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""),
		Secure: s.TLS,
	})
	if err != nil {
		return err
	}
	there, err := client.BucketExists(ctx, name)
	if err != nil || there {
		return err
	}
	return client.MakeBucket(ctx, name, minio.MakeBucketOptions{})
}
