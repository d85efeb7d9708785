package server

import (
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the watchdog's, by name and label, so that dashboards and the
// autoscaler's queries made for OpenFaaS work unchanged.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	known    [len(methods)][600]atomic.Pointer[series]
}

// series are what one pair of labels counts into, found once: looking labels
// up takes longer than counting.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// methods are the label's values. An unknown method is counted as the first,
// so that a caller cannot make time series by inventing methods.
var methods = [...]string{"other",
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodHead, http.MethodOptions, http.MethodConnect, http.MethodTrace}

func newMetrics(running func() float64) *metrics {
	labels := []string{"code", "method"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Requests answered.",
		}, labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Seconds from a request's header to its answer.",
			Buckets: prometheus.DefBuckets,
		}, labels),
	}
	m.registry.MustRegister(m.requests, m.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "Requests being answered now.",
		}, running),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe counts one answer; status is below 600.
func (m *metrics) observe(method string, status int, took time.Duration) {
	i := max(slices.Index(methods[:], method), 0)
	slot := &m.known[i][status]
	s := slot.Load()
	if s == nil {
		code := strconv.Itoa(status)
		s = &series{m.requests.WithLabelValues(code, methods[i]), m.seconds.WithLabelValues(code, methods[i])}
		slot.Store(s)
	}
	s.requests.Inc()
	s.seconds.Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
