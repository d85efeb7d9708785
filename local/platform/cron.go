package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// connector calls functions at the times of their annotations, as OpenFaaS's
// cron-connector does: by the machine's clock, through the gateway, and without
// a look at whether the last call has ended.
type connector struct {
	jobs   []cronJob
	base   string // of the gateway
	log    *slog.Logger
	client *http.Client
}

func newConnector(jobs []cronJob, base string, log *slog.Logger) *connector {
	return &connector{jobs: jobs, base: base, log: log, client: &http.Client{Timeout: callTimeout}}
}

// run calls until ctx ends.
func (c *connector) run(ctx context.Context) {
	var running sync.WaitGroup
	for _, j := range c.jobs {
		running.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(j.schedule.Next(time.Now()))):
					running.Go(func() {
						if err := c.call(ctx, j); err != nil && ctx.Err() == nil {
							c.log.Warn("cron call failed", "function", j.function, "cause", err)
						}
					})
				}
			}
		})
	}
	running.Wait()
}

// runOnce calls every job now, one after the other.
func (c *connector) runOnce(ctx context.Context) error {
	var failures []error
	for _, j := range c.jobs {
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
