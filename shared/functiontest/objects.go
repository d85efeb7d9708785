package functiontest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"
)

// Objects starts an object store in memory, as much of one as the service uses,
// and returns its address, for the setting s3_endpoint. It ends with the test.
func Objects(t testing.TB) string {
	var mu sync.Mutex
	kept := map[string][]byte{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Etag", `"0"`)
		switch content, found := kept[r.URL.Path]; r.Method {
		case http.MethodPut:
			body := io.Reader(r.Body)
			if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") { // each chunk is signed
				body = httputil.NewChunkedReader(body)
			}
			content, err := io.ReadAll(body)
			if err != nil {
				t.Errorf("object: %v", err)
			}
			kept[r.URL.Path] = content
		case http.MethodDelete:
			delete(kept, r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
		default:
			if !found {
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `<Error><Code>NoSuchKey</Code></Error>`)
				return
			}
			w.Header().Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
			w.Write(content)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
