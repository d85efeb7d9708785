package tests

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"polis/shared/fault"
	"polis/shared/objects"
	"polis/tests/servers"
)

func TestObjectsKeepTheirContractOverMinIO(t *testing.T) {
	objectsKeepTheirContract(t, servers.MinIO(t))
}

func TestObjectsKeepTheirContractOverTheEmbeddedStore(t *testing.T) {
	objectsKeepTheirContract(t, servers.EmbeddedS3(t))
}

const (
	objectBucket = "documents"
	objectType   = "application/pdf"
)

func openObjects(t *testing.T, endpoint string, server servers.S3) *objects.Store {
	t.Helper()
	s, err := objects.New(endpoint, objectBucket, server.Region, server.AccessKey, server.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func objectsKeepTheirContract(t *testing.T, server servers.S3) {
	s := openObjects(t, server.Endpoint, server)
	for _, what := range []string{"made", "found"} {
		if err := s.EnsureBucket(t.Context()); err != nil {
			t.Fatalf("the bucket is not %s: %v", what, err)
		}
	}
	for _, rule := range []struct {
		name  string
		holds func(t *testing.T, ctx context.Context, s *objects.Store)
	}{
		{"what was put is got, byte by byte, until it is deleted", objectRoundTrip},
		{"what is put again replaces what was there", objectReplaced},
		{"what is not there is not found, and no error to delete", objectMissing},
		{"a link downloads a file with its name and type, without credentials", objectLink},
		{"a link changed in any part is refused", objectLinkChanged},
		{"a link is dead at once when its object is deleted", objectLinkDead},
	} {
		t.Run(rule.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			rule.holds(t, ctx, s)
		})
	}
	t.Run("a link past its time is refused", func(t *testing.T) { objectLinkExpired(t, s, server) })
	t.Run("wherever a request breaks off, repeated it has its effect", func(t *testing.T) { objectBreaking(t, server) })
	t.Run("a store that is gone is unavailable within two seconds", func(t *testing.T) { objectStoreGone(t, server) })
}

func putObject(t *testing.T, ctx context.Context, s *objects.Store, name string) []byte {
	t.Helper()
	body := make([]byte, 200_000)
	rand.Read(body)
	if err := s.Put(ctx, name, objectType, body); err != nil {
		t.Fatal(err)
	}
	return body
}

func objectRoundTrip(t *testing.T, ctx context.Context, s *objects.Store) {
	if err := s.Put(ctx, "name", objectType, nil); err == nil {
		t.Error("an empty object is stored")
	}
	for _, body := range [][]byte{[]byte("%PDF-1.7"), putObject(t, ctx, s, "other")} {
		if err := s.Put(ctx, "name", objectType, body); err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(ctx, "name")
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes of %d, %v", len(got), len(body), err)
		}
	}
	if err := s.Delete(ctx, "name"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(ctx, "name"); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if _, err := s.Get(ctx, "other"); err != nil {
		t.Errorf("another: %v", err)
	}
}

func objectReplaced(t *testing.T, ctx context.Context, s *objects.Store) {
	putObject(t, ctx, s, "twice")
	body := putObject(t, ctx, s, "twice")
	for range 2 {
		if got, err := s.Get(ctx, "twice"); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes of %d, %v", len(got), len(body), err)
		}
		if err := s.Put(ctx, "twice", objectType, body); err != nil {
			t.Error(err)
		}
	}
	if err := s.Delete(ctx, "twice"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(ctx, "twice"); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("an older one is left: %v", err)
	}
}

func objectMissing(t *testing.T, ctx context.Context, s *objects.Store) {
	if _, err := s.Get(ctx, "missing"); !errors.Is(err, objects.ErrNotFound) || !fault.HasKind(err, fault.NotFound) {
		t.Errorf("get: %v", err)
	}
	if err := s.Delete(ctx, "missing"); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// download fetches an address as anybody would.
func download(t *testing.T, ctx context.Context, address string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

const objectFile = "polis-20260310-AB12-CD34.pdf"

func linkTo(t *testing.T, ctx context.Context, s *objects.Store, name string) *url.URL {
	t.Helper()
	link, err := s.Link(ctx, name, objectType, objectFile)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func objectLink(t *testing.T, ctx context.Context, s *objects.Store) {
	body := putObject(t, ctx, s, "linked")
	link := linkTo(t, ctx, s, "linked")
	if got := link.Query().Get("X-Amz-Expires"); got != "60" {
		t.Errorf("the link lives for %s seconds", got)
	}
	response, got := download(t, ctx, link.String())
	if response.StatusCode != http.StatusOK || !bytes.Equal(got, body) {
		t.Errorf("%s, %d bytes of %d", response.Status, len(got), len(body))
	}
	if got := response.Header.Get("Content-Type"); got != objectType {
		t.Errorf("type %q", got)
	}
	kind, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	if err != nil || kind != "attachment" || params["filename"] != objectFile {
		t.Errorf("disposition %q %v, %v", kind, params, err)
	}
	if got := response.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		t.Errorf("cache control %q", got)
	}
}

func objectLinkChanged(t *testing.T, ctx context.Context, s *objects.Store) {
	putObject(t, ctx, s, "linked")
	putObject(t, ctx, s, "unlinked")
	with := func(param, value string) func(u *url.URL) {
		return func(u *url.URL) {
			q := u.Query()
			q.Set(param, value)
			u.RawQuery = q.Encode()
		}
	}
	for what, change := range map[string]func(u *url.URL){
		"a longer life":       with("X-Amz-Expires", "3600"),
		"a later beginning":   with("X-Amz-Date", time.Now().Add(time.Hour).UTC().Format("20060102T150405Z")),
		"another signature":   with("X-Amz-Signature", strings.Repeat("0", 64)),
		"another type":        with("response-content-type", "text/html"),
		"another disposition": with("response-content-disposition", "inline"),
		"another object":      func(u *url.URL) { u.Path = strings.Replace(u.Path, "linked", "unlinked", 1) },
		"no signature":        func(u *url.URL) { u.RawQuery = "" },
		"the bucket itself":   func(u *url.URL) { u.Path, u.RawQuery = "/"+objectBucket, "" },
	} {
		link := linkTo(t, ctx, s, "linked")
		change(link)
		if response, _ := download(t, ctx, link.String()); response.StatusCode/100 != 4 {
			t.Errorf("%s: %s", what, response.Status)
		}
	}
}

func objectLinkDead(t *testing.T, ctx context.Context, s *objects.Store) {
	putObject(t, ctx, s, "linked")
	link := linkTo(t, ctx, s, "linked").String()
	if response, _ := download(t, ctx, link); response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	if err := s.Delete(ctx, "linked"); err != nil {
		t.Fatal(err)
	}
	if response, _ := download(t, ctx, link); response.StatusCode != http.StatusNotFound {
		t.Error(response.Status)
	}
}

// A link as short as links can be, signed as the service signs its own.
func objectLinkExpired(t *testing.T, s *objects.Store, server servers.S3) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	putObject(t, ctx, s, "linked")
	client, err := minio.New(strings.TrimPrefix(server.Endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Region: server.Region,
	})
	if err != nil {
		t.Fatal(err)
	}
	link, err := client.PresignedGetObject(ctx, objectBucket, "linked", time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		response, _ := download(t, ctx, link.String())
		if response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusBadRequest {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("still answered: %s", response.Status)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// cutting is a proxy before an object store that cuts the connection at the
// n-th request from now: before the store sees it, or instead of its answer.
type cutting struct {
	proxy    *httputil.ReverseProxy
	n        atomic.Int64
	answered atomic.Bool
}

func cutBefore(t *testing.T, server servers.S3) (*cutting, *httptest.Server) {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutting{}
	c.proxy = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	front := httptest.NewServer(c)
	t.Cleanup(front.Close)
	return c, front
}

func (c *cutting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.n.Add(-1) != 0 {
		c.proxy.ServeHTTP(w, r)
		return
	}
	if c.answered.Load() {
		c.proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	panic(http.ErrAbortHandler)
}

func objectBreaking(t *testing.T, server servers.S3) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, front := cutBefore(t, server)
	s, direct := openObjects(t, front.URL, server), openObjects(t, server.Endpoint, server)
	body := []byte("%PDF-1.7 of the person")
	for what, request := range map[string]struct {
		do     func() error
		effect func() bool
	}{
		"put": {
			func() error { return s.Put(ctx, "broken", objectType, body) },
			func() bool {
				got, err := direct.Get(ctx, "broken")
				return err == nil && bytes.Equal(got, body)
			},
		},
		"delete": {
			func() error { return s.Delete(ctx, "broken") },
			func() bool {
				_, err := direct.Get(ctx, "broken")
				return errors.Is(err, objects.ErrNotFound)
			},
		},
		"get": {
			func() error { _, err := s.Get(ctx, "kept"); return err },
			func() bool { return true },
		},
	} {
		for _, answered := range []bool{false, true} {
			for at := int64(1); ; at++ {
				// Before a deletion there is something, and nothing before a put.
				putObject(t, ctx, direct, "kept")
				if what == "delete" {
					putObject(t, ctx, direct, "broken")
				} else if err := direct.Delete(ctx, "broken"); err != nil {
					t.Fatal(err)
				}
				c.answered.Store(answered)
				c.n.Store(at)
				start := time.Now()
				err := request.do()
				if reached := c.n.Load() <= 0; !reached {
					if err != nil || at == 1 {
						t.Errorf("%s undisturbed: %v", what, err)
					}
					break
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("%s cut at %d (done: %v) took %v", what, at, answered, took)
				}
				if err != nil && !fault.HasKind(err, fault.Unavailable) {
					t.Errorf("%s cut at %d (done: %v): %v", what, at, answered, err)
				}
				if (err == nil || answered) && !request.effect() {
					t.Errorf("%s cut at %d (done: %v): %v, and no effect", what, at, answered, err)
				}
				if err := request.do(); err != nil || !request.effect() {
					t.Errorf("%s repeated after %d (done: %v): %v", what, at, answered, err)
				}
			}
		}
	}
}

func objectStoreGone(t *testing.T, server servers.S3) {
	_, front := cutBefore(t, server)
	s := openObjects(t, front.URL, server)
	if err := s.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	front.CloseClientConnections()
	front.Close()
	for what, do := range map[string]func() error{
		"put":    func() error { return s.Put(t.Context(), "gone", objectType, []byte("body")) },
		"get":    func() error { _, err := s.Get(t.Context(), "gone"); return err },
		"delete": func() error { return s.Delete(t.Context(), "gone") },
	} {
		start := time.Now()
		if err := do(); !fault.HasKind(err, fault.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s takes %v", what, took)
		}
	}
}
