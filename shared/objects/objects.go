// Package objects keeps documents in an S3 store, by default MinIO.
package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"polis/shared/config"
	"polis/shared/fault"
)

// LinkTTL is how long a presigned link lives. It is short because a link, once
// made, cannot be taken back; erasing the object ends it earlier.
const LinkTTL = 60 * time.Second

// Store keeps objects in one bucket. Names are opaque, prefix-free and written
// once; it is safe for concurrent use.
type Store struct {
	client *minio.Client
	bucket string
}

// ErrNotFound is an object that is not there (any more).
var ErrNotFound = fault.New(fault.NotFound, "document_not_found",
	"Документ удалён или ещё не готов.",
	"The document was erased or is not ready.")

// Open connects by the settings s3_endpoint (http:// or https://), s3_bucket,
// s3_region and the secrets s3-access-key and s3-secret-key. It does not wait
// for the server; the operator makes the bucket.
func Open(env *config.Env) *Store {
	endpoint, bucket := env.URL("s3_endpoint"), env.Required("s3_bucket")
	access, secret := env.Secret("s3-access-key"), env.Secret("s3-secret-key")
	region := env.String("s3_region", "us-east-1")
	if env.Err() != nil {
		return nil
	}
	s, err := New(endpoint, bucket, region, access, secret)
	if err != nil {
		env.Fault("s3_endpoint", "%v", err)
	}
	return s
}

// New makes a store over one bucket of an S3 endpoint.
func New(endpoint, bucket, region, accessKey, secretKey string) (*Store, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, err
	}
	transport.DialContext = (&net.Dialer{Timeout: time.Second}).DialContext
	transport.ResponseHeaderTimeout = 1800 * time.Millisecond
	transport.MaxIdleConnsPerHost = 64
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(accessKey, secretKey, ""),
		Secure: u.Scheme == "https",
		// The region is given, so that no call has to ask for the bucket's.
		Region:    region,
		Transport: transport,
		// Retries are the caller's: a person should hear of trouble within
		// two seconds.
		MaxRetries: 1,
	})
	if err != nil {
		return nil, err
	}
	return &Store{client: client, bucket: bucket}, nil
}

// EnsureBucket makes the bucket where it is missing.
func (s *Store) EnsureBucket(ctx context.Context) error {
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !exists {
		err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{})
	}
	return translate(err)
}

// Put stores an object durably; once it returns nil the object is there. An
// error leaves it open whether it is. An empty object is a mistake of the
// caller's, and refused.
func (s *Store) Put(ctx context.Context, name, contentType string, body []byte) error {
	if len(body) == 0 {
		return errors.New("object is empty")
	}
	_, err := s.client.PutObject(ctx, s.bucket, name, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{
		ContentType:      contentType,
		DisableMultipart: true,
		// The store recomputes it; a byte lost on the way is an error now and
		// not an unreadable document later.
		SendContentMd5: true,
	})
	return translate(err)
}

// Get reads an object. ErrNotFound if it is not there.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	o, err := s.client.GetObject(ctx, s.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, translate(err)
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	return b, translate(err)
}

// Delete erases an object. One that is not there is no error.
func (s *Store) Delete(ctx context.Context, name string) error {
	err := translate(s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Link makes an address under which anybody can download the object for
// LinkTTL, under the given file name. It must only be made after the caller was
// allowed to read it. No call to the store is needed.
func (s *Store) Link(ctx context.Context, name, contentType, fileName string) (string, error) {
	params := url.Values{}
	params.Set("response-content-type", contentType)
	params.Set("response-content-disposition", `attachment; filename="`+fileName+`"`)
	params.Set("response-cache-control", "private, no-store")
	u, err := s.client.PresignedGetObject(ctx, s.bucket, name, LinkTTL, params)
	if err != nil {
		return "", translate(err)
	}
	return u.String(), nil
}

func translate(err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	if r.StatusCode == http.StatusNotFound && r.Code == minio.NoSuchKey {
		return ErrNotFound.Because(err)
	}
	return fault.Unreachable("objects", err)
}
