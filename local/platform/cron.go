package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/openfaas/faas-provider/types"
	"github.com/robfig/cron/v3"
)

// cronJob calls one function at the times of its schedule.
type cronJob struct {
	function string
	times    string // five fields
	schedule cron.Schedule
}

func (j cronJob) String() string { return j.function + " at " + j.times }

// cronJobOf is nil for a function whose annotations do not ask for the cron
// connector.
func cronJobOf(d types.FunctionDeployment) (*cronJob, error) {
	if d.Annotations == nil || (*d.Annotations)["topic"] != "cron-function" {
		return nil, nil
	}
	times := (*d.Annotations)["schedule"]
	schedule, err := cron.ParseStandard(times)
	if err == nil && schedule.Next(time.Now()).IsZero() {
		err = fmt.Errorf("%q never comes", times)
	}
	if err != nil {
		return nil, fmt.Errorf("schedule of %s: %w", d.Service, err)
	}
	return &cronJob{d.Service, times, schedule}, nil
}

// connector calls functions at the times of their annotations, as OpenFaaS's
// cron-connector does: by the machine's clock, through the gateway, and without
// a look at whether the last call has ended.
type connector struct {
	jobs    func() []cronJob // of what is deployed now
	changed *bell            // rung when there are others
	base    string           // of the gateway
	log     *slog.Logger
	client  *http.Client
}

func newConnector(jobs func() []cronJob, changed *bell, base string, log *slog.Logger) *connector {
	return &connector{jobs: jobs, changed: changed, base: base, log: log, client: &http.Client{Timeout: callTimeout}}
}

// run calls until ctx ends.
func (c *connector) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for since := time.Now(); ; {
		changed := c.changed.rung()
		jobs := c.jobs()
		var next <-chan time.Time
		if len(jobs) > 0 {
			next = time.After(time.Until(earliest(jobs, since)))
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-next:
		}
		now := time.Now()
		for _, j := range jobs {
			if j.schedule.Next(since).After(now) {
				continue
			}
			running.Go(func() {
				if err := c.call(ctx, j); err != nil && ctx.Err() == nil {
					c.log.Warn("cron call failed", "function", j.function, "cause", err)
				}
			})
		}
		since = now
	}
}

// earliest is the next time, after since, at which one of the jobs is due.
func earliest(jobs []cronJob, since time.Time) time.Time {
	first := jobs[0].schedule.Next(since)
	for _, j := range jobs[1:] {
		if t := j.schedule.Next(since); t.Before(first) {
			first = t
		}
	}
	return first
}

// runOnce calls every job now, one after the other.
func (c *connector) runOnce(ctx context.Context) error {
	var failures []error
	for _, j := range c.jobs() {
		if err := c.call(ctx, j); err != nil {
			failures = append(failures, fmt.Errorf("cron call of %s: %w", j.function, err))
		}
	}
	return errors.Join(failures...)
}

func (c *connector) call(ctx context.Context, j cronJob) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/function/"+j.function, nil)
	if err != nil {
		return err
	}
	request.Header.Set("X-Connector", "cron-connector")
	request.Header.Set("X-Topic", "cron-function")
	answer, err := c.client.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode >= 400 {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}
