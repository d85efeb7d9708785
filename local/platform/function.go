package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/openfaas/faas-provider/types"
)

const (
	minReplicasLabel = "com.openfaas.scale.min"
	maxReplicas      = 5 // CE's
)

var errNotDeployed = errors.New("function is not deployed")

// function is what is, or may be, deployed under one name: processes of the
// same making that share its calls.
type function struct {
	name       string
	process    func(d types.FunctionDeployment, instance string) (*process, error)
	forget     func(instance string) // what a process that is gone has left
	ending     <-chan struct{}       // closed when the platform stops
	changed    *bell                 // of its processes, and of what follows
	written    *bell                 // rung after each line of its log
	redeployed *bell                 // of all functions

	// Held during a deployment or a change of scale: one at a time.
	changing sync.Mutex

	mu       sync.Mutex
	deployed *types.FunctionDeployment // nil: nothing is
	cron     *cronJob
	since    time.Time
	replicas []*replica
	started  int // replicas so far, for their names
	turn     int
	calls    int

	leaving sync.WaitGroup // replicas that end their last calls
}

// replica is one process of a function. Its fields are guarded by the
// function's lock.
type replica struct {
	*process
	calls   int           // being answered now
	retired chan struct{} // not nil: takes no more calls; closed with the end of the last
}

// deploy brings a new deployment into service and returns when it takes all
// calls. The processes before it end their calls meanwhile and after. If the
// new ones do not start, all stays as it was. Replicas are how many there shall
// be at first, or 0 for what the label asks for; later there are no fewer than
// before, nor than that.
func (f *function) deploy(ctx context.Context, d types.FunctionDeployment, replicas int) error {
	f.changing.Lock()
	defer f.changing.Unlock()
	cron, err := cronJobOf(d)
	if err != nil {
		return err
	}
	least, err := leastReplicas(d)
	if err != nil {
		return err
	}
	f.mu.Lock()
	if f.deployed != nil {
		replicas = max(len(f.replicas), least)
	}
	f.mu.Unlock()
	fresh, err := f.start(ctx, d, cmp.Or(replicas, least))
	if err != nil {
		return err
	}
	f.mu.Lock()
	old := f.replicas
	f.deployed, f.cron, f.since, f.replicas = &d, cron, time.Now(), fresh
	f.mu.Unlock()
	f.changed.ring()
	f.redeployed.ring()
	f.retire(old)
	return nil
}

// leastReplicas is what a deployment's label asks for, else one.
func leastReplicas(d types.FunctionDeployment) (int, error) {
	label := ""
	if d.Labels != nil {
		label = (*d.Labels)[minReplicasLabel]
	}
	if label == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(label)
	if err != nil || n < 1 || n > maxReplicas {
		return 0, fmt.Errorf("label %s: %q is not a number from 1 to %d", minReplicasLabel, label, maxReplicas)
	}
	return n, nil
}

// start makes replicas and waits until all are ready; none is left after an
// error.
func (f *function) start(ctx context.Context, d types.FunctionDeployment, n int) ([]*replica, error) {
	var fresh []*replica
	err := func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for range n {
			f.mu.Lock()
			f.started++
			instance := fmt.Sprintf("%s-%d", f.name, f.started)
			f.mu.Unlock()
			p, err := f.process(d, instance)
			if err != nil {
				return err
			}
			fresh = append(fresh, &replica{process: p})
			p.resume()
		}
		for _, r := range fresh {
			if err := r.firstReady(ctx); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		f.retire(fresh)
		return nil, err
	}
	return fresh, nil
}

// scale changes the number of replicas and returns when all of them are ready.
func (f *function) scale(ctx context.Context, n int) error {
	if n < 0 || n > maxReplicas {
		return fmt.Errorf("%d replicas: not a number from 0 to %d", n, maxReplicas)
	}
	f.changing.Lock()
	defer f.changing.Unlock()
	f.mu.Lock()
	deployed, have := f.deployed, len(f.replicas)
	f.mu.Unlock()
	if deployed == nil {
		return errNotDeployed
	}
	fresh, err := f.start(ctx, *deployed, max(0, n-have))
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.replicas = append(f.replicas, fresh...)
	left := f.replicas[n:]
	f.replicas = f.replicas[:n:n]
	f.mu.Unlock()
	f.changed.ring()
	f.retire(left)
	return nil
}

// remove takes the function out of service.
func (f *function) remove() error {
	f.changing.Lock()
	defer f.changing.Unlock()
	f.mu.Lock()
	old, was := f.replicas, f.deployed
	f.deployed, f.cron, f.replicas = nil, nil, nil
	f.mu.Unlock()
	if was == nil {
		return errNotDeployed
	}
	f.changed.ring()
	f.redeployed.ring()
	f.retire(old)
	return nil
}

// retire lets replicas that are out of service end the calls they have, and
// then stops them. It does not wait for it.
func (f *function) retire(old []*replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range old {
		r.retired = make(chan struct{})
		if r.calls == 0 {
			close(r.retired)
		}
		f.leaving.Go(func() {
			select {
			case <-r.retired: // no call lasts longer than callTimeout
			case <-f.ending:
			}
			ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
			defer cancel()
			r.close(ctx)
			f.forget(r.name)
		})
	}
}

// close removes the function and returns when nothing of it is left. Calls that
// it answers have stopTimeout to end.
func (f *function) close() {
	f.remove() // fails only if there is nothing to remove
	f.leaving.Wait()
}

// acquire waits for a replica that is ready and gives it one call more, until
// release. It takes the least busy one, and of those each in turn. It returns
// errNotDeployed or errStopped at once where waiting is of no use.
func (f *function) acquire(ctx context.Context) (*replica, string, error) {
	for {
		changed := f.changed.rung()
		r, address, err := f.pick()
		if r != nil || err != nil {
			return r, address, err
		}
		select {
		case <-ctx.Done():
			return nil, "", context.Cause(ctx)
		case <-changed:
		}
	}
}

// pick is nil without an error when no replica is ready now.
func (f *function) pick() (best *replica, at string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deployed == nil {
		return nil, "", errNotDeployed
	}
	f.turn++
	starting := false
	for n := range f.replicas {
		r := f.replicas[(f.turn+n)%len(f.replicas)]
		address, stopped := r.state()
		starting = starting || !stopped
		if address != "" && !stopped && (best == nil || r.calls < best.calls) {
			best, at = r, address
		}
	}
	switch {
	case best != nil:
		best.calls++
	case !starting:
		return nil, "", errStopped
	}
	return best, at, nil
}

func (f *function) release(r *replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.calls--
	if r.calls == 0 && r.retired != nil {
		close(r.retired)
	}
}

// called counts a call.
func (f *function) called() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
}

// processes are those in service.
func (f *function) processes() []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]*process, len(f.replicas))
	for n, r := range f.replicas {
		all[n] = r.process
	}
	return all
}

// status is nil where nothing is deployed.
func (f *function) status() *types.FunctionStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.deployed
	if d == nil {
		return nil
	}
	ready := 0
	for _, r := range f.replicas {
		if address, stopped := r.state(); address != "" && !stopped {
			ready++
		}
	}
	return &types.FunctionStatus{
		Name: d.Service, Image: d.Image, Namespace: namespace, EnvProcess: d.EnvProcess, EnvVars: d.EnvVars,
		Constraints: d.Constraints, Secrets: d.Secrets, Labels: d.Labels, Annotations: d.Annotations,
		Limits: d.Limits, Requests: d.Requests, ReadOnlyRootFilesystem: d.ReadOnlyRootFilesystem,
		InvocationCount: float64(f.calls), Replicas: uint64(len(f.replicas)), AvailableReplicas: uint64(ready), CreatedAt: f.since,
	}
}

func (f *function) cronJob() *cronJob {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cron
}
